"""A WebSocket that passes by, fed by hand."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from wsproto.frame_protocol import FrameProtocol

from proxy.connection import Connection
from proxy.exchange import Exchange
from proxy.identity import Identification
from proxy.protocols.openai_responses import OpenAIResponses
from proxy.routing import Route, upstream
from proxy.traffic import Traffic
from proxy.tunnel import ClientSide, Tunnel

ROUTE = Route(upstream("openai", "http://127.0.0.1:1"), "/v1/responses", "")


class Ended:
    """Keeps the turns that are over."""

    def __init__(self) -> None:
        self.turns: list[Exchange] = []

    def traffic(self) -> Traffic:
        return Traffic(
            Identification("dev", b"k" * 32),
            self.turns.append,
            lambda: 100.0,
            lambda: datetime(2026, 11, 23, 10, tzinfo=UTC),
        )

    @property
    def outcomes(self) -> list[tuple[str | None, str | None]]:
        return [(turn.ask.model, turn.outcome) for turn in self.turns]


def client(*messages: dict[str, Any]) -> bytes:
    frames = FrameProtocol(client=True, extensions=[])
    return b"".join(frames.send_data(json.dumps(message), fin=True) for message in messages)


def server(*messages: dict[str, Any]) -> bytes:
    frames = FrameProtocol(client=False, extensions=[])
    return b"".join(frames.send_data(json.dumps(message), fin=True) for message in messages)


def create(model: str, **more: Any) -> dict[str, Any]:
    return {"type": "response.create", "model": model, "input": "hi", **more}


def completed(output_tokens: int) -> dict[str, Any]:
    usage = {"input_tokens": 8, "output_tokens": output_tokens}
    return {"type": "response.completed", "response": {"usage": usage}}


def tunnel(ended: Ended, known: bool = True) -> Tunnel:
    made = Tunnel(ended.traffic(), ROUTE, OpenAIResponses() if known else None, {})
    made.open([(b"Upgrade", b"websocket")])
    return made


@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_turns_are_read_however_the_bytes_are_cut(size: int) -> None:
    ended = Ended()
    made = tunnel(ended)
    for asked, told in (("a", 1), ("b", 2)):
        data = client(create(asked))
        for start in range(0, len(data), size):
            made.from_client(data[start : start + size])
        data = server({"type": "response.created"}, completed(told))
        for start in range(0, len(data), size):
            made.from_upstream(data[start : start + size])
    made.close("ok")
    assert ended.outcomes == [("a", "ok"), ("b", "ok")]
    used = [turn.reading.usage for turn in ended.turns]
    assert [usage and usage.output_tokens for usage in used] == [1, 2]


def test_a_warm_up_is_no_turn() -> None:
    ended = Ended()
    made = tunnel(ended)
    made.from_client(client(create("a", generate=False)))
    made.from_upstream(server(completed(0)))
    made.from_client(client({"type": "response.cancel"}))
    made.close("cancelled")
    assert ended.turns == []


def test_what_comes_outside_a_turn_is_nobodys() -> None:
    ended = Ended()
    made = tunnel(ended)
    made.from_upstream(server({"type": "session.created"}, completed(5)))
    made.close("ok")
    assert ended.turns == []


@pytest.mark.parametrize(
    ("how", "outcome"), [("ok", "cut"), ("cancelled", "cancelled"), ("cut", "cut")]
)
def test_a_turn_left_open_did_not_end_by_itself(how: str, outcome: str) -> None:
    ended = Ended()
    made = tunnel(ended)
    made.from_client(client(create("a")))
    made.close(how)  # type: ignore[arg-type] # one of the outcomes
    made.close(how)  # type: ignore[arg-type] # and only once
    assert ended.outcomes == [("a", outcome)]


def test_who_closes_first_has_left_the_turn() -> None:
    for by_client, outcome in ((True, "cancelled"), (False, "cut")):
        ended = Ended()
        made = tunnel(ended)
        made.from_client(client(create("a")))
        if by_client:
            made.from_client(bytes(FrameProtocol(client=True, extensions=[]).close(1001)))
        made.from_upstream(bytes(FrameProtocol(client=False, extensions=[]).close(1001)))
        made.close("ok")
        assert ended.outcomes == [("a", outcome)]


def test_a_second_turn_before_the_end_of_the_first_ends_it() -> None:
    ended = Ended()
    made = tunnel(ended)
    made.from_client(client(create("a"), create("b")))
    made.from_upstream(server(completed(2)))
    assert ended.outcomes == [("a", "cut"), ("b", "ok")]


def test_a_socket_of_no_known_family_is_not_read() -> None:
    ended = Ended()
    made = tunnel(ended, known=False)
    made.from_client(client(create("a")))
    made.from_upstream(server(completed(2)))
    made.close("ok")
    assert ended.turns == []


class Paused:
    """A client's connection."""

    def __init__(self) -> None:
        self.reading = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


async def test_a_slow_upstream_holds_the_client_back() -> None:
    connection = Connection(asyncio.get_running_loop())
    slow = Paused()
    side = ClientSide(connection, tunnel(Ended(), known=False), slow)
    assert side.feed_data(b"\x81\x80\0\0\0\0") == (False, b"")
    assert slow.reading
    connection.pause_writing()
    side.feed_data(b"\x81\x80\0\0\0\0")
    assert not slow.reading
    connection.resume_writing()
    assert slow.reading
