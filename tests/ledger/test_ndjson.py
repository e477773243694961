import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_records import TEN, record, records, spread

from ledger import ndjson
from ledger.record import Cost, Measured, Range, RequestRecord, TabCounts

_FULL = RequestRecord(
    id="01938c00-0000-7000-8000-000000000000",
    started_at=datetime(2026, 11, 23, 10, 0, 0, 123_000, tzinfo=UTC),
    ended_at=datetime(2026, 11, 23, 10, 0, 2, 533_000, tzinfo=UTC),
    revision=2,
    duration_s=2.41,
    ttft_s=0.31,
    output_tokens_per_s=61.2,
    developer="alice@example.org",
    team="web",
    machine="m",
    client="copilot-vscode",
    client_version="1.539.0",
    editor="vscode",
    language="python",
    session="s",
    project="shop",
    purpose="tab",
    provider="openai",
    api="openai.chat",
    upstream="openai",
    model_requested="gpt-5-mini",
    model_served="gpt-5-mini-2026-08-07",
    stream=True,
    http_status=200,
    request_bytes=39120,
    response_bytes=8123,
    modalities=("text",),
    input_how="reported",
    output_how="reported",
    input_tokens=120,
    cache_read_tokens=64,
    cache_write_tokens=0,
    output_tokens=40,
    reasoning_tokens=10,
    tab=TabCounts("telemetry", 1, 1, 0, 0),
    accelerator_j=spread(1, 2, 3),
    server_j=spread(2, 3, 4),
    facility_j=spread(3, 4, 5),
    carbon_g=Range(0.1, 0.2, 0.3),
    embodied_g=Range(0.01, 0.02, 0.03),
    water_ml=Range(1, 2, 3),
    zone="US-VA",
    intensity_g_per_kwh=Range(245, 305, 390),
    method="2026.11.1",
    trace_id="t",
    measured=Measured(1.5, 0.5, ("GPU-1",), "tokens"),
    cost=Cost(0.00123, "list 2026-11"),
)

_WRITTEN = """
{"v":1,"id":"01938c00-0000-7000-8000-000000000000","kind":"request","requests":1,"revision":2,
"provisional":false,"started_at":"2026-11-23T10:00:00.123Z","ended_at":"2026-11-23T10:00:02.533Z",
"duration_s":2.41,"ttft_s":0.31,"output_tokens_per_s":61.2,"developer":"alice@example.org",
"team":"web","machine":"m","client":"copilot-vscode","client_version":"1.539.0","editor":"vscode",
"language":"python","session":"s","project":"shop","purpose":"tab","speculative":false,
"capture":"reverse","provider":"openai","api":"openai.chat","upstream":"openai",
"model_requested":"gpt-5-mini","model_served":"gpt-5-mini-2026-08-07","stream":true,
"http_status":200,"outcome":"ok","request_bytes":39120,"response_bytes":8123,"modalities":["text"],
"usage":{"how":{"input":"reported","output":"reported"},"input_tokens":120,"cache_read_tokens":64,
"cache_write_tokens":0,"output_tokens":40,"reasoning_tokens":10},
"tab":{"source":"telemetry","shown":1,"accepted":1,"partial":0,"rejected":0},
"energy_j":{"accelerator":{"tier":"modelled","low":1,"typical":2,"high":3},
"server":{"tier":"modelled","low":2,"typical":3,"high":4},
"facility":{"tier":"modelled","low":3,"typical":4,"high":5}},
"measured_j":{"active":1.5,"idle_share":0.5,"devices":["GPU-1"],"method":"tokens"},
"carbon_g":{"low":0.1,"typical":0.2,"high":0.3},
"embodied_g":{"low":0.01,"typical":0.02,"high":0.03},"water_ml":{"low":1,"typical":2,"high":3},
"zone":"US-VA","intensity_g_per_kwh":{"low":245,"typical":305,"high":390},
"cost":{"usd":0.00123,"basis":"list 2026-11"},"method":"2026.11.1","trace_id":"t"}
"""


def test_a_full_record_is_written_exactly_as_the_contract_says() -> None:
    assert ndjson.line(_FULL).decode() == _WRITTEN.replace("\n", "")
    assert ndjson.record(_WRITTEN) == _FULL


def test_what_is_unknown_is_absent_and_never_null() -> None:
    assert ndjson.line(record("x")).decode() == (
        '{"v":1,"id":"x","kind":"request","requests":1,"revision":1,"provisional":false,'
        '"started_at":"2026-11-23T10:00:00.000Z","developer":"alice","purpose":"other",'
        '"speculative":false,"capture":"reverse","stream":false,"outcome":"ok",'
        '"usage":{"how":{"input":"none","output":"none"}}}'
    )


@given(records(st.text(min_size=1)))
def test_a_line_gives_the_record_back(given_record: RequestRecord) -> None:
    written = ndjson.line(given_record)
    assert ndjson.record(written) == given_record
    assert b"\n" not in written
    assert b"null" not in written


def test_a_null_reads_as_absent() -> None:
    given_line = json.loads(ndjson.line(record("x")))
    given_line |= dict.fromkeys(("client", "revision", "tab", "energy_j", "stream"))
    given_line["usage"] = {"how": None, "input_tokens": None, "output_tokens": 0}
    assert ndjson.record(json.dumps(given_line)) == record("x", output_tokens=0)


def test_a_tab_of_which_nothing_is_known_is_still_a_tab() -> None:
    written = ndjson.line(record(tab=TabCounts()))
    assert b'"tab":{}' in written
    assert ndjson.record(written).tab == TabCounts()


def test_any_time_zone_is_read_and_utc_is_written() -> None:
    given_line = json.loads(ndjson.line(record("x")))
    given_line["started_at"] = "2026-11-23T15:30:00+05:30"
    assert ndjson.record(json.dumps(given_line)).started_at == TEN


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"v": 2}, r"Invalid enum value 2 - at `\$.v`"),
        ({"id": ""}, r"length >= 1 - at `\$.id`"),
        ({"started_at": "yesterday"}, "started_at is not an ISO 8601 time"),
        ({"ended_at": "2026-11-23T10:00:00"}, "ended_at has no time zone"),
        ({"usage": {"input_tokens": -1}}, r"`int` >= 0 - at `\$.usage.input_tokens`"),
        ({"outcome": "fine"}, r"Invalid enum value 'fine' - at `\$.outcome`"),
        ({"carbon_g": {"low": 2, "typical": 1, "high": 3}}, "carbon_g is not low <= typical"),
        ({"energy_j": {"server": {"low": 1}}}, r"missing required field `typical`"),
    ],
)
def test_bad_input_is_one_clear_line(change: dict[str, object], complaint: str) -> None:
    given_line = json.loads(ndjson.line(record("x"))) | change
    with pytest.raises(ValueError, match=f"^not a record: .*{complaint}[^\n]*$"):
        ndjson.record(json.dumps(given_line))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe", b'{"v":1,"id":"\xff"}'])
def test_what_is_no_json_object_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"^not a record: [^\n]*$"):
        ndjson.record(text)
