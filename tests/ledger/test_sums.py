from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_records import TEN, record, records, spread

from ledger import rollup
from ledger.record import Range, RequestRecord
from ledger.store import Store, open_store
from ledger.sums import Groups, Sums, Window, sums


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "ledger.db")
    yield opened
    opened.close()


def _read(store: Store, *given_args: object, **more: object) -> Groups:
    with store.reading() as connection:
        return sums(connection, *given_args, **more)  # type: ignore[arg-type] # passed through


def test_a_ragged_window_is_summed_to_the_second(store: Store) -> None:
    # One request every 10 minutes from 10:00 to 12:50; 10:25 <= t < 12:15 holds 10:30 … 12:10.
    moments = [TEN + timedelta(minutes=10 * n) for n in range(18)]
    store.apply([record(f"r{n}", started_at=at) for n, at in enumerate(moments)])
    window = Window(TEN + timedelta(minutes=25), TEN + timedelta(minutes=135))
    assert _read(store, (), ("requests",), window) == {(): Sums({"requests": 0}, (11,))}


def test_an_empty_window_has_no_groups(store: Store) -> None:
    store.apply([record()])
    window = Window(TEN + timedelta(hours=1))
    assert _read(store, (), ("requests",), window) == {}
    assert _read(store, ("model",), ("requests",), window) == {}


def test_ranges_come_back_in_the_units_of_the_record(store: Store) -> None:
    store.apply([record("a", facility_j=spread(0.5, 1, 2)), record("b")])
    found = _read(store, (), rollup.range_columns("facility"))[()]
    assert found.range("facility") == Range(0.5, 1, 2)
    assert found["facility_unknown"] == 1


_bounds = st.none() | st.integers(-3, 4 * 3600 + 3).map(lambda s: TEN + timedelta(seconds=s))
_many = st.lists(records(st.text("abcdefghij", min_size=1, max_size=2)), max_size=25)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(_many, _bounds, _bounds, st.sampled_from([None, "alice"]))
def test_any_window_equals_the_sum_of_its_rows(
    tmp_path_factory: pytest.TempPathFactory,
    given_records: list[RequestRecord],
    since: object,
    until: object,
    developer: str | None,
) -> None:
    store = open_store(tmp_path_factory.mktemp("ledger") / "ledger.db")
    store.apply(given_records)
    by = ("developer_id", "model", "tier", "tab_fate", "speculative")
    places = [rollup.KEY_COLUMNS.index(name) for name in by]
    expected: dict[tuple[object, ...], tuple[int, ...]] = {}
    for one in store.between(since, until, developer=developer):  # type: ignore[arg-type] # drawn
        key = tuple(rollup.hour_key(one)[place] for place in places)
        before = expected.get(key, (0,) * len(rollup.AMOUNT_COLUMNS))
        after = zip(before, rollup.amounts(one), strict=True)
        expected[key] = tuple(a + b for a, b in after)
    window = Window(since, until)  # type: ignore[arg-type] # drawn
    found = _read(store, by, rollup.AMOUNT_COLUMNS, window, developer=developer)
    store.close()
    assert {key: group.values for key, group in found.items()} == expected
