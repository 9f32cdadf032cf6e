"""An outlet for whoever can wait: callbacks go into a buffer, and from there to a `Sink`."""

import asyncio
from collections import deque

from stellwerk.base.errors import StellwerkError
from stellwerk.operations.flight import Flight
from stellwerk.ports.sink import Head, Headers, Sink, parsed

# Bytes that may wait for a slow sink before the target is read no further.
FULL = 262_144
LOW = 65_536


class Relay:
    """Passes one answer to `sink`. Cancelling `run` gives the flight up."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._chunks: deque[bytes] = deque()
        self._waiting = 0
        self._head: tuple[int, Headers] | None = None
        self._error: StellwerkError | None = None
        self._ended = False
        self._paused = False
        self._news = asyncio.Event()
        self.flight: Flight | None = None

    async def run(self) -> None:
        """Until the answer's end. Raises the error that came instead of an answer."""
        try:
            while not self._ended:
                await self._news.wait()
                self._news.clear()
                await self._pass_on()
        except BaseException:
            if self.flight is not None:
                self.flight.cancel()
            raise
        if self._error is not None:
            raise self._error
        await self._sink.end()

    async def _pass_on(self) -> None:
        if self._head is not None:
            head, self._head = self._head, None
            await self._sink.head(*head)
        while self._chunks:
            chunk = self._chunks.popleft()
            await self._sink.data(chunk)
            self._waiting -= len(chunk)
            if self._paused and self._waiting < LOW and self.flight is not None:
                self._paused = False
                self.flight.resume()

    # Outlet

    def whole(self, head: Head, more: bytes, body: bytes) -> None:
        self.head(head, b"%bcontent-length: %d\r\n" % (more, len(body)))
        self.data(body)
        self.end()

    def head(self, head: Head, more: bytes) -> None:
        self._head = head.status, [*head.headers, *parsed(more)]
        self._news.set()

    def data(self, chunk: bytes) -> None:
        if chunk:
            self._chunks.append(chunk)
            self._waiting += len(chunk)
            if self._waiting > FULL and not self._paused and self.flight is not None:
                self._paused = True
                self.flight.pause()
        self._news.set()

    def end(self) -> None:
        self._ended = True
        self._news.set()

    def cut(self, error: StellwerkError) -> None:
        self.refuse(error)

    def refuse(self, error: StellwerkError) -> None:
        self._error = error
        self._ended = True
        self._news.set()
