"""An upstream on real sockets that misbehaves as a script says; it runs in a thread of its own.

Each script has a port of its own, so that what one breaks (a circuit breaker, a pooled connection)
cannot disturb another.
"""

import asyncio
import select
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

LINGER_NOT = struct.pack("ii", 1, 0)


@dataclass
class Place:
    """One port: what came in there, and which connections are open."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    opened: int = 0
    open: int = 0


class Exchange:
    """One request, and the connection on which a script answers it."""

    def __init__(
        self, place: Place, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.number = len(place.heads)
        """Counted from 1 over all connections of this port."""
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def close(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    def reset(self) -> None:
        """End the connection with RST."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        self._writer.transport.abort()

    async def until_hung_up(self) -> None:
        """Keep the connection open until the hub ends it."""
        while await self._reader.read(65_536):
            pass

    async def until_written_to(self) -> None:
        """Wait for the next request without reading a byte of it."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]
        sock = self._writer.get_extra_info("socket")
        await asyncio.to_thread(select.select, [sock.fileno()], [], [], 20)


Script = Callable[[Exchange], Awaitable[None]]


@contextmanager
def upstream(scripts: Mapping[str, Script]) -> Iterator[dict[str, Place]]:
    """Listen once for each script, until the context ends."""
    places = {name: Place() for name in scripts}
    listens, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        servers = [await _listen(scripts[name], place) for name, place in places.items()]
        listens.set()
        await stop.wait()
        for server in servers:
            server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    assert listens.wait(10)
    try:
        yield places
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()


async def _listen(script: Script, place: Place) -> asyncio.Server:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        place.opened += 1
        place.open += 1
        try:
            while not writer.is_closing():
                await _receive(reader, place)
                await script(Exchange(place, reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            place.open -= 1
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**26)
    place.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    return server


async def _receive(reader: asyncio.StreamReader, place: Place) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    place.heads.append(head)
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].split(b":")[1]) if lengths else 0
    place.bodies.append(await reader.readexactly(length))
