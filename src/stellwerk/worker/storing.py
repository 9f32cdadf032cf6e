"""Sinks that keep an answer instead of sending it."""

import asyncio
import re
from collections.abc import Awaitable, Callable

import msgspec

from stellwerk.features.queue.errors import AnswerTooLargeError, StreamBrokenError
from stellwerk.features.queue.following import EVENT_STREAM
from stellwerk.features.queue.types import Answer
from stellwerk.ports.sink import Headers

# (number of the first event, number of the last, their bytes)
Append = Callable[[int, int, bytes], Awaitable[None]]

# Seconds for which events are gathered, and bytes that need not wait for that.
GATHER, ENOUGH = 0.05, 16_384
# Of an event: servers end lines in one way or the other.
END = re.compile(rb"\r?\n\r?\n")


class Storing:
    """An answer in memory, up to `limit` bytes. Raises `AnswerTooLargeError`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self.share: float | None = None
        self._status = 0
        self._type = "application/octet-stream"
        self._chunks: list[bytes] = []

    async def head(self, status: int, headers: Headers) -> None:
        self._status = status
        self._type = dict(headers).get(b"content-type", self._type.encode()).decode("latin-1")

    def tell(self, share: float) -> None:
        """So much of the work is done, from 0 to 1."""
        self.share = share

    async def data(self, chunk: bytes) -> None:
        self._keep(chunk)

    async def end(self) -> None:
        pass

    async def close(self) -> None:
        """Whatever happens, nothing is written after this."""

    @property
    def answer(self) -> Answer:
        return Answer(self._status, self._type, b"".join(self._chunks))

    def _keep(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._limit:
            raise AnswerTooLargeError(
                f"The answer has more than the {self._limit} bytes that the queue keeps."
            )
        self._chunks.append(chunk)


class StoringEvents(Storing):
    """A stream of events. Each gets an id, `CLAIM-NUMBER`, and is appended where readers see it.

    One that ends with an error event was cut: `end` raises `StreamBrokenError`.
    """

    def __init__(self, limit: int, fence: int, append: Append) -> None:
        super().__init__(limit)
        self._fence = fence
        self._append = append
        self._rest = b""
        self._number = 0
        self._pending: list[bytes] = []
        self._first = 1
        self._size_pending = 0
        self._writing = asyncio.Lock()
        self._later: asyncio.Task[None] | None = None
        self._broken: StreamBrokenError | None = None

    async def data(self, chunk: bytes) -> None:
        if not self._type.startswith(EVENT_STREAM):
            # The model answered at once, whatever was asked of it.
            self._keep(chunk)
            return
        *events, self._rest = END.split(self._rest + chunk)
        for event in events:
            self._add(event)
        if self._later is not None and self._later.done():
            # An append that failed ends the operation.
            self._later.result()
        if self._size_pending > ENOUGH:
            await self._flush()
        elif self._pending and (self._later is None or self._later.done()):
            self._later = asyncio.create_task(self._flush_later())

    async def end(self) -> None:
        self._add(self._rest)
        await self._flush()
        if self._broken is not None:
            raise self._broken

    async def close(self) -> None:
        if self._later is not None:
            self._later.cancel()
            await asyncio.gather(self._later, return_exceptions=True)

    def _add(self, event: bytes) -> None:
        # The ids are ours, whatever the model's server numbers.
        lines = [line for line in event.splitlines() if line and not line.startswith(b"id:")]
        if not lines:
            return
        if b"event: error" in lines:
            # It is not stored: whether there is another attempt is for the queue to say.
            self._broken = _broken(event)
            return
        self._number += 1
        marked = b"id: %d-%d\n%b\n\n" % (self._fence, self._number, b"\n".join(lines))
        self._keep(marked)
        self._pending.append(marked)
        self._size_pending += len(marked)

    async def _flush_later(self) -> None:
        await asyncio.sleep(GATHER)
        await self._flush()

    async def _flush(self) -> None:
        async with self._writing:
            pending, self._pending, self._size_pending = self._pending, [], 0
            if pending:
                first, self._first = self._first, self._first + len(pending)
                await self._append(first, self._first - 1, b"".join(pending))


class _Told(msgspec.Struct):
    message: str = "The model's server stopped in the middle of the stream."
    code: str | None = None


class _ErrorEvent(msgspec.Struct):
    error: _Told = msgspec.field(default_factory=_Told)


def _broken(event: bytes) -> StreamBrokenError:
    """What an error event says, as far as it has a form that is known."""
    data = b"".join(line[5:] for line in event.splitlines() if line.startswith(b"data:"))
    try:
        told = msgspec.json.decode(data, type=_ErrorEvent).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        told = _Told()
    return StreamBrokenError(told.message, code=told.code)
