"""WebSockets of the fake upstream: Responses turn by turn, and an echo for everything else."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from aiohttp import WSMessage, WSMsgType, web

from tabwatt.demo.answer import Truth, dumps
from tabwatt.demo.call import Call, Json
from tabwatt.demo.call import call as parse
from tabwatt.demo.delivery import Pace, paced
from tabwatt.demo.families import responses
from tabwatt.demo.seen import Frame


async def serve_socket(
    request: web.Request,
    opened: Call,
    pace: Pace,
    note: Callable[[Frame], Awaitable[None]],
    record: Callable[[Truth], None],
) -> web.WebSocketResponse:
    """Take the upgrade, permessage-deflate if it is offered, and answer until the client closes."""
    offered = opened.headers.get("sec-websocket-protocol", "")
    protocols = [name.strip() for name in offered.split(",") if name.strip()]
    socket = web.WebSocketResponse(protocols=protocols[:1], max_msg_size=0)
    socket.headers["x-request-id"] = f"req-{opened.tag}"
    await socket.prepare(request)
    speaks = opened.path.endswith("/responses")
    whole = True
    async for message in socket:
        await note(Frame(message.type, _bytes(message)))
        if not speaks:
            await _echo(socket, message)
        elif message.type is WSMsgType.TEXT:
            whole = await _answer(request, socket, _turn(opened, message.data), pace, record)
        if not whole:
            break
    return socket


def _bytes(message: WSMessage) -> bytes:
    data = message.data
    return data.encode() if isinstance(data, str) else bytes(data or b"")


async def _echo(socket: web.WebSocketResponse, message: WSMessage) -> None:
    if message.type is WSMsgType.TEXT:
        await socket.send_str(message.data)
    elif message.type is WSMsgType.BINARY:
        await socket.send_bytes(message.data)


def _turn(opened: Call, text: str) -> Call:
    """Read a frame as a request of its own; the controls of the upgrade hold unless it has some."""
    turn = parse("POST", opened.path, opened.query, opened.headers, text.encode())
    return replace(turn, via=opened.via)


async def _answer(
    request: web.Request,
    socket: web.WebSocketResponse,
    turn: Call,
    pace: Pace,
    record: Callable[[Truth], None],
) -> bool:
    """Answer one turn; False if `cut:N` has broken the connection after N of its events."""
    if turn.body.get("type") != "response.create":
        await socket.send_str(dumps(_refusal()))
        return True
    events, answer = responses.turn(turn)
    if answer.truth is not None:
        record(answer.truth)
    fault, limit = turn.controls.fault, turn.controls.fault_number
    if fault == "error-event":
        events = [*events[: len(events) // 2], responses.failed(turn)]
    elif fault == "no-end-marker":
        events = events[:-1]
    texts = iter([dumps(event).encode() for event in events])
    sent = 0
    async for text in paced(texts, pace):
        if fault == "cut" and sent == limit and request.transport is not None:
            request.transport.close()
            return False
        await socket.send_str(text.decode())
        sent += 1
    return True


def _refusal() -> Json:
    kind = "invalid_request_error"
    return {"type": "error", "status": 400, "error": {"type": kind, "message": "refused"}}
