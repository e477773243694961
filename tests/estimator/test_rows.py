import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator import rows
from estimator.query import Query

FULL = {
    "id": "x",
    "model": "qwen3-32b",
    "input_tokens": 900,
    "cache_read_tokens": 0,
    "output_tokens": 500,
    "reasoning_tokens": 0,
    "output_tokens_per_s": 48.0,
    "ttft_s": 0.4,
    "duration_s": 11.0,
    "provider": "openai",
    "zone": "US-VA",
    "stack_year": 2025,
    "gpu": "H100",
    "gpus": 1,
    "batch": 32,
    "precision": "bf16",
    "total_params_b": 32.8,
    "active_params_b": 32.8,
    "n_layers": 64,
    "kv_bytes_per_token": 262144,
    "kv_full_ctx_fraction": 1.0,
    "architecture": "dense",
}


def asked(**values: Any) -> dict[str, Any]:
    return rows.answer(json.dumps(values), 7)


def test_the_example_of_the_contract() -> None:
    found = asked(**FULL)
    assert (found["v"], found["id"], found["tier"], found["zone"]) == (1, "x", "modelled", "US-VA")
    assert set(found["energy_j"]) == {"accelerator", "server", "facility"}
    for figure in found["energy_j"].values():
        assert figure["tier"] == "modelled"
        assert 0 < figure["low"] <= figure["typical"] <= figure["high"]
    for name in ("carbon_g", "embodied_g", "water_ml"):
        assert set(found[name]) == {"low", "typical", "high"}
    assert sum(driver["share"] for driver in found["drivers"]) == pytest.approx(1.0, abs=0.03)
    assert "models:qwen3-32b" in found["sources"]
    assert found["method"]
    assert "ignored" not in found
    json.dumps(found, allow_nan=False)


def test_every_field_of_a_query_can_be_asked() -> None:
    full = FULL | {"cache_write_tokens": 0, "local": False}
    assert {field.name for field in fields(Query)} == set(full)
    assert "ignored" not in asked(**full)


def test_unknown_keys_are_ignored_and_named() -> None:
    found = asked(model="qwen3-32b", output_tokens=5, colour="red", x=None)
    assert found["ignored"] == ["colour", "x"]
    assert found["tier"] == "assumed"


def test_null_is_absent() -> None:
    found = asked(model="qwen3-32b", input_tokens=5, output_tokens=5, zone=None, id=None)
    assert found["id"] == 7
    assert "error" not in found


def test_a_missing_id_is_the_number_of_the_line() -> None:
    found = rows.answers(
        [(3, b'{"output_tokens":1}'), (9, b"{"), (10, '{"id":0,"output_tokens":1}')]
    )
    assert [answer["id"] for answer in found] == [3, 9, 0]
    assert "error" in found[1]


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"input_tokens": -1}, "input_tokens"),
        ({"output_tokens": "5"}, "output_tokens"),
        ({"output_tokens": True}, "output_tokens"),
        ({"input_tokens": 5, "cache_read_tokens": 6}, "cache_read_tokens"),
        (
            {"input_tokens": 5, "cache_read_tokens": 3, "cache_write_tokens": 3},
            "cache_write_tokens",
        ),
        ({"output_tokens": 5, "reasoning_tokens": 6}, "reasoning_tokens"),
        ({"output_tokens": 5, "zone": "Virginia"}, "zone"),
        ({"output_tokens": 5, "model": 5}, "model"),
        ({"output_tokens": 5, "gpus": 1.5}, "gpus"),
        ({"output_tokens": 5, "gpus": 0}, "gpus"),
        ({"output_tokens": 5, "batch": 0.5}, "batch"),
        ({"output_tokens": 5, "output_tokens_per_s": 0}, "output_tokens_per_s"),
        ({"output_tokens": 5, "architecture": "round"}, "architecture"),
        ({"output_tokens": 5, "total_params_b": 1, "active_params_b": 2}, "active_params_b"),
        ({"output_tokens": 5, "id": ["x"]}, "id"),
        ({"output_tokens": 1e300}, "output_tokens"),
    ],
)
def test_what_cannot_be_is_refused_by_name(values: dict[str, Any], complaint: str) -> None:
    found = asked(**values)
    assert set(found) == {"v", "id", "error"}
    assert complaint in found["error"]


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[1]", b"null", b'{"output_tokens":NaN}', b'{"output_tokens":1e999}', b"\xff\xfe"],
)
def test_an_unreadable_line_has_an_error_and_its_number(line: bytes) -> None:
    found = rows.answer(line, 12)
    assert set(found) == {"v", "id", "error"}
    assert found["id"] == 12


def test_a_refused_line_keeps_its_own_id() -> None:
    assert rows.answer('{"id":"mine","input_tokens":-1}', 3)["id"] == "mine"


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_a_line_that_is_nearly_json_keeps_its_own_id(value: str) -> None:
    found = rows.answer(f'{{"id":"mine","output_tokens":{value}}}', 3)
    assert set(found) == {"v", "id", "error"}
    assert found["id"] == "mine"
    assert rows.answer(f'{{"id":{value}}}', 3)["id"] == 3
    assert rows.answer(f'{{"id":[1],"output_tokens":{value}}}', 3)["id"] == 3
    assert rows.answer("[" * 100_000, 3)["id"] == 3


def test_the_first_line_may_begin_with_the_mark_of_utf_8() -> None:
    text = '\ufeff{"id":"a","output_tokens":5}'
    for line in (text, text.encode()):
        assert "error" not in rows.answer(line, 1)
        assert rows.answer(line, 1)["id"] == "a"
        assert "error" in rows.answer(line, 2)


def test_a_zone_that_no_table_has_is_said_and_the_world_stands_in() -> None:
    found = asked(model="qwen3-32b", input_tokens=100, output_tokens=100, zone="zz")
    assert "zone" not in found
    assert "zone ZZ unknown: the world's average stands in" in found["notes"]
    assert found["intensity_g_per_kwh"]["typical"] == 460.1  # Ember, world, 2025
    assert {"grid", "PUE"} <= {driver["name"] for driver in found["drivers"]}
    known = asked(model="qwen3-32b", input_tokens=100, output_tokens=100, zone="fr-idf")
    assert known["zone"] == "FR-IDF"
    assert not any(note.startswith("zone") for note in known["notes"])


def test_no_token_count_is_unknown() -> None:
    found = asked(model="qwen3-32b")
    assert found["tier"] == "unknown"
    assert found["energy_j"]["facility"] == {"tier": "unknown"}
    assert "carbon_g" not in found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*FULL, "other"]), JSON) | JSON)
def test_every_json_gets_one_answer(value: Any) -> None:
    found = rows.answer(json.dumps(value), 1)
    assert found["v"] == 1
    assert ("error" in found) != ("energy_j" in found)
    json.dumps(found, allow_nan=False)


@given(st.binary())
def test_every_line_of_bytes_gets_one_answer(line: bytes) -> None:
    found = rows.answer(line, 1)
    assert ("error" in found) != ("energy_j" in found)
