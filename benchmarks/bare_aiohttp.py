"""A pass-through on aiohttp and uvloop with nothing in it: what the transport alone costs.

    python -m benchmarks.bare_aiohttp PORT UPSTREAM_URL

The fastest plain way with aiohttp on both sides: `web.Server` (no router), one client session,
bodies and answers passed on as they came.
"""

import asyncio
import sys
from collections.abc import AsyncIterator

import uvloop
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, StreamReader, TCPConnector, web
from multidict import CIMultiDict, CIMultiDictProxy

HOP_BY_HOP = ("Connection", "Keep-Alive", "Transfer-Encoding", "Host", "TE", "Upgrade")
SMALL_BODY_BYTES = 65_536


def end_to_end(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """The headers without those that belong to one connection."""
    kept = CIMultiDict(headers)
    for name in HOP_BY_HOP:
        kept.popall(name, None)
    return kept


async def body_of(request: web.BaseRequest) -> bytes | StreamReader | None:
    """A small body whole, a large one as a stream."""
    if not request.body_exists:
        return None
    if request.content_length is not None and request.content_length <= SMALL_BODY_BYTES:
        return await request.content.read()
    return request.content


async def chunks(content: StreamReader) -> AsyncIterator[bytes]:
    """What arrives, as it arrives."""
    async for chunk in content.iter_any():
        yield chunk


async def serve(port: int, upstream: str) -> None:
    """Listen on 127.0.0.1 until cancelled."""
    session = ClientSession(
        auto_decompress=False,
        connector=TCPConnector(limit=0, keepalive_timeout=60),
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=None),
    )

    async def pass_on(request: web.BaseRequest) -> web.StreamResponse:
        async with session.request(
            request.method,
            upstream + request.raw_path,
            headers=end_to_end(request.headers),
            data=await body_of(request),
            allow_redirects=False,
        ) as answer:
            response = web.StreamResponse(status=answer.status, headers=end_to_end(answer.headers))
            await response.prepare(request)
            async for chunk in chunks(answer.content):
                await response.write(chunk)
            await response.write_eof()
            return response

    runner = web.ServerRunner(web.Server(pass_on, auto_decompress=False, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
        await session.close()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2]))
