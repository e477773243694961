"""Simulated editors: they carry out a plan against a proxy, and report what came of it."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import aiohttp
from yarl import URL

from tabwatt.demo.delivery import Sleep
from tabwatt.demo.plan import DEVELOPERS, Activity, Developer, plan
from tabwatt.demo.step import Step

TURN_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})
PROBLEMS_KEPT = 100
FAILED_TURNS = frozenset({"response.failed", "error"})


@dataclass(slots=True)
class Simulated:
    """What the editors did. A turn of a socket counts as a request, its opening does not."""

    requests: int = 0
    completed: int = 0
    cancelled: int = 0
    """Requests that their editor left before the end, as developers who type on do."""
    failed: int = 0
    problems: deque[str] = field(default_factory=lambda: deque(maxlen=PROBLEMS_KEPT))
    """What did not work of late: the step, and the status or the kind of error."""

    @property
    def unfinished(self) -> int:
        """Requests still open when the time was over."""
        return self.requests - self.completed - self.cancelled - self.failed


async def simulate(
    base_url: str,
    seconds: float,
    *,
    seed: int = 0,
    rate: float = 1.0,
    developers: tuple[Developer, ...] = DEVELOPERS,
    clock: Callable[[], float] = time.monotonic,
    sleep: Sleep = asyncio.sleep,
) -> Simulated:
    """Let the developers work for `seconds` through `base_url`, then close what is open.

    The requests and their order depend on `seed` and `rate` alone. Failing requests are told in
    `problems`; a fault of the simulation itself is raised. `seconds` may be infinite: cancel it.
    """
    tally = Simulated()
    tasks: set[asyncio.Task[None]] = set()
    faults: list[Exception] = []
    until = partial(_until, clock(), clock, sleep)
    async with _session() as session:
        try:
            for activity in plan(seconds, seed, rate, developers):
                await until(activity.at_s)
                faults += _settled(tasks)
                if faults:
                    break
                tasks.add(asyncio.create_task(_perform(session, base_url, activity, tally)))
            else:
                await until(seconds)
        finally:
            await _cancel(tasks)
    faults += _settled(tasks)
    if faults:
        raise ExceptionGroup("simulated editors", faults)
    return tally


def _session() -> aiohttp.ClientSession:
    """A client without limits: editors wait for models as long as it takes."""
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=None), connector=aiohttp.TCPConnector(limit=0)
    )


async def _cancel(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _settled(tasks: set[asyncio.Task[None]]) -> list[Exception]:
    """Take out the tasks that are done; return what failed by a fault of ours."""
    done = {task for task in tasks if task.done()}
    tasks -= done
    errors = (task.exception() for task in done if not task.cancelled())
    return [error for error in errors if isinstance(error, Exception)]


async def _until(started_s: float, clock: Callable[[], float], sleep: Sleep, at_s: float) -> None:
    wait_s = started_s + at_s - clock()
    if wait_s > 0:
        await sleep(wait_s)


async def _perform(
    session: aiohttp.ClientSession, base_url: str, activity: Activity, tally: Simulated
) -> None:
    """Carry out the steps of one activity; a developer gives up at the first that fails."""
    for step in activity.steps:
        url = URL(f"{base_url.rstrip('/')}/u/{activity.developer}{step.path}", encoded=True)
        carry_out = _talk if step.frames else _ask
        try:
            if not await carry_out(session, url, step, tally):
                return
        except (aiohttp.ClientError, OSError) as error:
            tally.problems.append(f"{step.method} {step.path}: {type(error).__name__}")
            return


async def _ask(session: aiohttp.ClientSession, url: URL, step: Step, tally: Simulated) -> bool:
    """Send one request; False when the rest of the activity makes no sense any more."""
    with _counted(tally):
        async with session.request(
            step.method, url, headers=step.headers, data=step.body or None
        ) as reply:
            left = await _read(reply, step.leave_after_chunks)
    if left:
        tally.cancelled += 1
        return True
    if reply.status >= 400 and step.method != "HEAD":  # a probe may be answered with anything
        tally.failed += 1
        tally.problems.append(f"{step.method} {step.path}: status {reply.status}")
        return False
    tally.completed += 1
    return True


@contextmanager
def _counted(tally: Simulated) -> Iterator[None]:
    """Count a request, and its failure if the connection fails."""
    tally.requests += 1
    try:
        yield
    except (aiohttp.ClientError, OSError):
        tally.failed += 1
        raise


async def _read(reply: aiohttp.ClientResponse, leave_after_chunks: int | None) -> bool:
    """Read a reply, to its end or until its user types on; whether it was left."""
    if leave_after_chunks == 0:
        reply.close()
        return True
    chunks = 0
    async for _ in reply.content.iter_any():
        chunks += 1
        if chunks == leave_after_chunks:
            reply.close()
            return True
    return False


async def _talk(session: aiohttp.ClientSession, url: URL, step: Step, tally: Simulated) -> bool:
    """Open a socket and take its turns one after the other."""
    async with session.ws_connect(url, headers=step.headers, compress=15, max_msg_size=0) as socket:
        for frame in step.frames:
            with _counted(tally):
                await socket.send_str(frame)
                ended = await _turn(socket)
            if ended in FAILED_TURNS or not ended:
                tally.failed += 1
                tally.problems.append(f"{step.method} {step.path}: {ended or 'socket closed'}")
                return False
            tally.completed += 1
    return True


async def _turn(socket: aiohttp.ClientWebSocketResponse) -> str:
    """Read events until a turn ends: the type of the last one, or nothing if the socket closed."""
    async for message in socket:
        if message.type is not aiohttp.WSMsgType.TEXT:
            break
        kind = str(json.loads(message.data).get("type"))
        if kind in TURN_ENDS:
            return kind
    return ""
