"""Our own paths: health, metrics, and the requests in flight. Never on a client's path."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from proxy.traffic import Traffic

if TYPE_CHECKING:
    from prometheus_client import Metric


@dataclass(slots=True, eq=False)
class OwnPaths:
    """`GET /_tabwatt/{health,live,metrics}`."""

    traffic: Traffic
    version: str
    started_s: float
    store_state: Callable[[], Mapping[str, object]]
    """The writer's counters and its last error."""

    def __call__(self, request: web.BaseRequest) -> web.Response:
        """Answer one of them."""
        path = request.path.removeprefix("/_tabwatt/")
        if path not in {"health", "live", "metrics"}:
            return _json(404, {"error": "not_found", "paths": ["health", "live", "metrics"]})
        if request.method != "GET":
            return _json(405, {"error": "method_not_allowed", "allowed": ["GET"]})
        if path == "metrics":
            return web.Response(body=self._metrics(), content_type="text/plain", charset="utf-8")
        return _json(200, self.health() if path == "health" else self.live())

    def health(self) -> dict[str, object]:
        """Version, uptime, counters, and how the store does."""
        store = self.store_state()
        return {
            "v": 1,
            "status": "ok" if store.get("last_error") is None else "degraded",
            "version": self.version,
            "uptime_s": round(self._uptime_s(), 3),
            "counters": self.traffic.counters.as_dict(),
            "store": dict(store),
        }

    def live(self) -> dict[str, object]:
        """The requests in flight, oldest first, and the counters."""
        now_s = self.traffic.monotonic()
        return {
            "v": 1,
            "counters": self.traffic.counters.as_dict(),
            "store": dict(self.store_state()),
            "in_flight": [
                {
                    "id": exchange.id,
                    "started_at": exchange.started_at.isoformat(),
                    "elapsed_s": round(now_s - exchange.started_s, 3),
                    "developer": exchange.caller.developer if exchange.caller else None,
                    "client": exchange.caller.client if exchange.caller else None,
                    "upstream": exchange.route.upstream.name,
                    "model": exchange.reading.model or exchange.ask.model,
                    "purpose": exchange.purpose,
                    "output_deltas": exchange.reading.deltas,
                    "output_chars": exchange.reading.text_chars,
                    "response_bytes": exchange.response_bytes,
                }
                for exchange in self.traffic.in_flight()
            ],
        }

    def _uptime_s(self) -> float:
        return self.traffic.monotonic() - self.started_s

    def _metrics(self) -> bytes:
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> "Iterator[Metric]":
        """The counters as Prometheus has them; called by its registry."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for name, value in self.traffic.counters.as_dict().items():
            yield CounterMetricFamily(f"tabwatt_{name}", _HELP[name], value)
        open_now = sum(1 for _ in self.traffic.in_flight())
        yield GaugeMetricFamily("tabwatt_in_flight", "Model calls open now.", open_now)
        yield GaugeMetricFamily("tabwatt_uptime_seconds", "Time since start.", self._uptime_s())
        store = self.store_state()
        yield CounterMetricFamily(
            "tabwatt_store_written", "Rows written since start.", _number(store.get("written"))
        )
        yield GaugeMetricFamily(
            "tabwatt_store_waiting", "Rows waiting to be written.", _number(store.get("waiting"))
        )
        yield CounterMetricFamily(
            "tabwatt_store_lost", "Rows lost: too many were waiting.", _number(store.get("lost"))
        )


_HELP = {
    "requests": "Model calls seen, whatever came of them.",
    "side_traffic": "Known calls that ask no model: lists, token counting, telemetry.",
    "not_recognised": "Passed through, but of no known shape.",
    "uncounted": "Model calls that passed but could not be read or stored.",
    "refused": "Requests turned away by our own rules.",
    "faults": "Requests that failed by a fault of tabwatt's.",
    "guessed": "Token counts guessed from bytes because too much was waiting.",
}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _json(status: int, value: object) -> web.Response:
    return web.Response(
        status=status, body=json.dumps(value).encode(), content_type="application/json"
    )
