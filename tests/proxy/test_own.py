"""Our own paths: what they show, and in which form."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loopback import loopback
from prometheus_client.parser import text_string_to_metric_families
from wire import request

from proxy.exchange import Exchange
from proxy.identity import Identification
from proxy.own import OwnPaths
from proxy.protocols.openai_chat import OpenAIChat
from proxy.routing import Route, upstream
from proxy.traffic import Traffic

ROUTE = Route(upstream("openai", "http://127.0.0.1:1"), "/v1/chat/completions", "", "alice")


def traffic(ended: list[Exchange], now_s: float = 107.5) -> Traffic:
    return Traffic(
        Identification("dev", b"k" * 32),
        ended.append,
        lambda: now_s,
        lambda: datetime(2026, 11, 23, 10, tzinfo=UTC),
    )


def own(made: Traffic, store: Mapping[str, object] | None = None) -> OwnPaths:
    return OwnPaths(made, "1.2.3", 100.0, lambda: store or {"written": 4, "last_error": None})


def test_health_says_how_it_is() -> None:
    made = traffic([])
    made.counters.requests = 3
    health: dict[str, Any] = own(made).health()
    assert (health["v"], health["status"], health["version"]) == (1, "ok", "1.2.3")
    assert health["uptime_s"] == 7.5  # 107.5 - 100
    assert health["counters"]["requests"] == 3
    assert health["store"]["written"] == 4


def test_a_store_in_trouble_shows() -> None:
    health = own(traffic([]), {"last_error": "OperationalError: locked"}).health()
    assert health["status"] == "degraded"


def test_live_shows_what_is_open_and_no_text() -> None:
    ended: list[Exchange] = []
    made = traffic(ended)
    exchange = made.begin(ROUTE, OpenAIChat(), {"user-agent": "curl/8", "x-api-key": "secret"})
    exchange.request_body(b'{"model":"m","stream":true,"messages":[{"content":"secret"}]}')
    made.describe(exchange)
    exchange.response_head(
        200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"}
    )
    exchange.response_body(b'data: {"choices":[{"delta":{"content":"secret"}}]}\n\n', 107.0)
    live: dict[str, Any] = own(made).live()
    (flying,) = live["in_flight"]
    assert (flying["developer"], flying["client"], flying["model"]) == ("alice", "curl", "m")
    assert (flying["output_deltas"], flying["output_chars"]) == (1, 6)
    assert "secret" not in str(live)
    made.finish(exchange, "ok")
    made.finish(exchange, "cut")  # over is over
    assert own(made).live()["in_flight"] == []
    assert [one.outcome for one in ended] == ["ok"]


async def test_metrics_are_prometheus_text(tmp_path: Path) -> None:
    async with loopback(tmp_path) as proxy:
        await proxy.ask(request("GET", "/v1/models", host="evil.com"))
        reply = await proxy.ask(request("GET", "/_tabwatt/metrics"))
    assert reply.header(b"content-type") == b"text/plain; charset=utf-8"
    families = text_string_to_metric_families(reply.body.decode())
    samples = {s.name: s.value for family in families for s in family.samples}
    assert samples["tabwatt_refused_total"] == 1
    assert samples["tabwatt_requests_total"] == 0
    assert samples["tabwatt_in_flight"] == 0
    assert samples["tabwatt_store_written_total"] == 0
    assert samples["tabwatt_uptime_seconds"] > 0


async def test_the_root_answers_a_base_url_check(tmp_path: Path) -> None:
    """Claude Code sends `HEAD /` to its base URL first."""
    async with loopback(tmp_path) as proxy:
        for path in ("/", "/u/alice/"):
            assert (await proxy.ask(request("HEAD", path), head_only=True)).status == 200
        assert (await proxy.ask(request("GET", "/"))).body.startswith(b"tabwatt is listening")
        assert (await proxy.counters())["not_recognised"] == 0
