"""Records for tests: one that can be changed field by field, and any at all."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from ledger.record import Cost, Measured, Range, RequestRecord, TabCounts, Tier

TEN = datetime(2026, 11, 23, 10, tzinfo=UTC)


def record(id: str = "r1", **changes: Any) -> RequestRecord:
    """A finished request at ten o'clock by alice, with `changes`."""
    given: dict[str, Any] = {"started_at": TEN, "developer": "alice"}
    return RequestRecord(id=id, **(given | changes))


def spread(low: float, typical: float, high: float) -> Range:
    """An energy that the estimator believes."""
    return Range(low, typical, high, "modelled")


_counts = st.none() | st.integers(0, 10**6)
_amounts = st.floats(0, 1e6).map(lambda x: x + 0.0)
_words = st.none() | st.sampled_from(["a", "b", "ü", "x,y", 'q"q'])


@st.composite
def _ranges(draw: st.DrawFn, tiered: bool) -> Range:
    low, typical, high = sorted(draw(st.tuples(_amounts, _amounts, _amounts)))
    known: list[Tier | None] = ["measured", "modelled", "assumed", None]
    tiers = st.sampled_from(known)
    return Range(low, typical, high, draw(tiers) if tiered else None)


_tabs = st.builds(
    TabCounts,
    source=st.sampled_from([None, "telemetry", "event"]),
    shown=_counts,
    accepted=_counts,
    partial=_counts,
    rejected=_counts,
)
_measured = st.builds(
    Measured,
    active_j=st.none() | _amounts,
    idle_share_j=st.none() | _amounts,
    devices=st.sampled_from([(), ("GPU-1",), ("GPU-1", "GPU-2")]),
    method=st.sampled_from([None, "tokens", "time"]),
)
_moments = st.integers(0, 4 * 3_600_000).map(lambda ms: TEN + timedelta(milliseconds=ms))


def records(ids: st.SearchStrategy[str]) -> st.SearchStrategy[RequestRecord]:
    """Any record with times of whole milliseconds within four hours."""
    return st.builds(
        RequestRecord,
        id=ids,
        started_at=_moments,
        developer=st.sampled_from(["alice", "bob"]),
        kind=st.sampled_from(["request", "cold_start", "aggregate"]),
        requests=st.integers(0, 9),
        revision=st.integers(1, 4),
        provisional=st.booleans(),
        ended_at=st.none() | _moments,
        duration_s=st.none() | _amounts,
        ttft_s=st.none() | _amounts,
        output_tokens_per_s=st.none() | _amounts,
        team=st.sampled_from([None, "web"]),
        machine=_words,
        client=_words,
        client_version=_words,
        editor=_words,
        language=_words,
        session=_words,
        project=_words,
        purpose=st.sampled_from(["tab", "chat"]),
        speculative=st.booleans(),
        capture=st.sampled_from(["reverse", "imported"]),
        provider=_words,
        api=_words,
        upstream=_words,
        model_requested=_words,
        model_served=_words,
        stream=st.booleans(),
        http_status=st.sampled_from([None, 200, 429]),
        outcome=st.sampled_from(["ok", "cancelled"]),
        request_bytes=_counts,
        response_bytes=_counts,
        modalities=st.sampled_from([(), ("text",), ("image", "text")]),
        input_how=st.sampled_from(["reported", "none"]),
        output_how=st.sampled_from(["counted", "none"]),
        input_tokens=_counts,
        cache_read_tokens=_counts,
        cache_write_tokens=_counts,
        output_tokens=_counts,
        reasoning_tokens=_counts,
        tab=st.none() | _tabs,
        accelerator_j=st.none() | _ranges(tiered=True),
        server_j=st.none() | _ranges(tiered=True),
        facility_j=st.none() | _ranges(tiered=True),
        carbon_g=st.none() | _ranges(tiered=False),
        embodied_g=st.none() | _ranges(tiered=False),
        water_ml=st.none() | _ranges(tiered=False),
        zone=_words,
        intensity_g_per_kwh=st.none() | _ranges(tiered=False),
        method=_words,
        trace_id=_words,
        measured=st.none() | _measured,
        cost=st.none() | st.builds(Cost, usd=_amounts, basis=_words),
    )
