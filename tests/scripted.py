"""An HTTP server on a loopback socket that does just what a test says, byte for byte."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Script = Callable[[asyncio.StreamWriter], Awaitable[None]]

JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def whole(body: bytes, head: bytes = JSON) -> bytes:
    return head + b"content-length: %d\r\n\r\n%b" % (len(body), body)


def says(*pieces: bytes, close: bool = False) -> Script:
    """Answers with these pieces, and then hangs up if `close`."""

    async def script(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
        await writer.drain()
        if close:
            writer.close()

    return script


@dataclass
class Scripted:
    """Where the server listens, and the request bodies that it has read."""

    url: str
    bodies: list[bytes] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[Scripted]:
    """Answer every request by `script`; `hung_up` is set when a client closes its connection."""
    state = Scripted("")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer: asyncio.Task[None] | None = None
        try:
            while True:
                state.bodies.append(await _request(reader))
                answer = asyncio.create_task(_run(script, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            state.hung_up.set()
        finally:
            if answer:
                answer.cancel()
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        state.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        yield state


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    return await reader.readexactly(int(next(lengths).split(b":")[1]))


async def _run(script: Script, writer: asyncio.StreamWriter) -> None:
    await script(writer)
    await writer.drain()
