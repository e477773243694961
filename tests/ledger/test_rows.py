from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_records import TEN, record, records, spread

from ledger import rollup
from ledger.record import RequestRecord
from ledger.rows import COLUMNS, key_of, microseconds, record_of, row_of
from ledger.tables import HOURLY, REQUESTS


@given(records(st.text(min_size=1, max_size=3, alphabet="abc")))
def test_a_row_gives_the_record_back(given_record: RequestRecord) -> None:
    assert record_of(row_of(given_record)) == given_record


def test_rows_have_exactly_the_columns_of_the_tables() -> None:
    assert sorted(COLUMNS) == sorted(REQUESTS.c.keys())
    assert sorted(rollup.KEY_COLUMNS + rollup.AMOUNT_COLUMNS) == sorted(HOURLY.c.keys())
    assert len(row_of(record())) == len(COLUMNS)


def test_the_key_begins_with_the_distribution_key() -> None:
    assert key_of(record("r", team="web")) == ("web", "alice", "r")
    assert key_of(record("r")) == ("", "alice", "r")


def test_a_time_is_whole_microseconds_since_1970() -> None:
    # 2026-11-23 is day 20780 since 1970: 20780 * 86400 s + 10 h = 1 795 428 000 s
    assert microseconds(TEN) == 1_795_428_000_000_000


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        row_of(record(started_at=datetime(2026, 11, 23)))  # noqa: DTZ001 -- the point


def test_text_that_no_store_can_hold_is_replaced_not_lost() -> None:
    row = row_of(record(client="ed\udce9itor", model_served="m\0x"))
    assert row[COLUMNS.index("client")] == "ed?itor"
    assert row[COLUMNS.index("model_served")] == "m?x"


def test_a_figure_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        row_of(record(output_tokens_per_s=float("inf")))


def test_sums_are_whole_microjoules_and_nanograms() -> None:
    amounts = dict(
        zip(
            rollup.AMOUNT_COLUMNS,
            rollup.amounts(record(facility_j=spread(0.5, 1.25, 2), requests=3)),
            strict=True,
        )
    )
    assert amounts["facility_low_uj"] == 500_000
    assert amounts["facility_typical_uj"] == 1_250_000
    assert amounts["facility_high_uj"] == 2_000_000
    assert amounts["facility_unknown"] == 0
    assert amounts["carbon_unknown"] == 3
    assert (amounts["row_count"], amounts["requests"]) == (1, 3)


def test_a_cold_start_is_no_request() -> None:
    amounts = rollup.amounts(record(kind="cold_start", facility_j=spread(1, 2, 3)))
    assert amounts[rollup.AMOUNT_COLUMNS.index("requests")] == 0
    assert amounts[rollup.AMOUNT_COLUMNS.index("carbon_unknown")] == 0
    assert amounts[rollup.AMOUNT_COLUMNS.index("facility_low_uj")] == 1_000_000


@pytest.mark.parametrize(
    "change",
    [
        {"facility_j": spread(3, 2, 1)},
        {"carbon_g": spread(0, 1, float("inf"))},
        {"duration_s": float("nan")},
        {"input_tokens": 2**62},
    ],
)
def test_what_cannot_be_summed_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"ordered|finite|too large"):
        rollup.amounts(record(**change))
