"""The requests in flight, and the hand-over of finished ones to accounting."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from uuid_utils import uuid7

from ledger.record import Outcome
from proxy.counters import Counters
from proxy.exchange import Exchange
from proxy.identity import Identification
from proxy.protocols.protocol import Protocol
from proxy.purpose import purpose, speculative
from proxy.routing import Route


@dataclass(slots=True)
class Traffic:
    """Opens an exchange per model call and closes it exactly once."""

    identification: Identification
    submit: Callable[[Exchange], None]
    """Takes a finished exchange; never blocks and never raises."""
    monotonic: Callable[[], float]
    utcnow: Callable[[], datetime]
    counters: Counters = field(default_factory=Counters)
    metering: bool = True
    """Off only to measure what accounting costs."""
    _open: dict[str, Exchange] = field(default_factory=dict)

    def begin(self, route: Route, protocol: Protocol, headers: dict[str, str]) -> Exchange:
        """A model call begins."""
        exchange = Exchange(
            id=str(uuid7()),
            route=route,
            protocol=protocol,
            headers=headers,
            started_at=self.utcnow(),
            started_s=self.monotonic(),
        )
        self._open[exchange.id] = exchange
        return exchange

    def describe(self, exchange: Exchange) -> None:
        """Read who asks for what, once the request is on its way: the wait costs nothing."""
        if exchange.costly:
            exchange.read_path()
        else:
            exchange.read_request()
        self._name(exchange)

    def complete(self, exchange: Exchange) -> None:
        """Read the body of a request that was too costly to read while it was open."""
        exchange.read_request()
        self._name(exchange)

    def _name(self, exchange: Exchange) -> None:
        try:
            headers = exchange.headers
            exchange.caller = self.identification.caller(exchange.route, headers, exchange.ask)
            exchange.speculative = speculative(headers)
            exchange.purpose = purpose(
                exchange.ask, exchange.route.path, headers, exchange.caller.client
            )
        except Exception as error:
            exchange.fault = exchange.fault or type(error).__name__

    def finish(self, exchange: Exchange, outcome: Outcome) -> None:
        """A model call is over; what asks for no output is no request and leaves no row."""
        if self._open.pop(exchange.id, None) is None:
            return
        if exchange.caller is None:  # it ended before its request was on the way
            self.describe(exchange)
        exchange.finish(outcome, self.monotonic())
        if not exchange.ask.generates:
            self.counters.side_traffic += 1
            exchange.drop_text()
            return
        self.counters.requests += 1
        self.submit(exchange)

    def in_flight(self) -> Iterator[Exchange]:
        """The calls that are open now, oldest first."""
        return iter(list(self._open.values()))
