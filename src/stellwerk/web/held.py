"""A caller who waits for a request of the queue, on an open connection."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from stellwerk.base.errors import StellwerkError
from stellwerk.features.queue.following import EVENT_STREAM, Place, follow
from stellwerk.features.queue.types import Answer, Request
from stellwerk.features.queue.waiting import Watch
from stellwerk.ports.sink import Headers, Sink
from stellwerk.web.hub import Queueing
from stellwerk.web.request_object import shown
from stellwerk.wire.errors import error_event

PLACE = "/queue/requests/{name}"
OK = 300
# After it most readers hang up at once.
DONE = b"data: [DONE]\n\n"
# Seconds that storing an answer may take, when its reader has all of it and is gone.
STORED = 10


@dataclass(frozen=True, slots=True)
class Holding:
    """One who waits for the request `name`; `watch` tells when to look."""

    queueing: Queueing
    key_id: str
    name: str
    watch: Watch

    async def deliver(self, sink: Sink, seconds: float, more: Headers) -> bool:
        """Write the answer, or the events as they come; False if there is none in `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            request = await self.request() if seconds else None
            answer = await self.queueing.queue.answer(self.key_id, self.name)
            if answer is not None:
                await self._write(sink, answer, more)
                return True
            if request and request.stream and await self._begun(request):
                await self._stream(sink, more)
                return True
            if not await self.watch.news(deadline - time.monotonic()):
                return False

    async def accepted(self, sink: Sink, more: Headers) -> None:
        """202, and how the request stands."""
        body = msgspec.json.encode(await shown(self.queueing, await self.request()))
        headers = [*_headers("application/json", body), *self._place(), *more]
        await sink.head(202, headers)
        await sink.data(body)
        await sink.end()

    async def request(self) -> Request:
        return await self.queueing.queue.get(self.key_id, self.name)

    async def _begun(self, request: Request) -> bool:
        return await self.queueing.queue.events(self.name, request.fence, 0) is not None

    async def _write(self, sink: Sink, answer: Answer, more: Headers) -> None:
        headers = [*_headers(answer.content_type, answer.body), *self._place(), *more]
        if answer.status >= OK:
            # It was tried as often as it may be; the caller need not.
            headers.append((b"x-should-retry", b"false"))
        await sink.head(answer.status, headers)
        await sink.data(answer.body)
        await self._end(sink)

    async def _stream(self, sink: Sink, more: Headers) -> None:
        headers = [(b"content-type", EVENT_STREAM.encode()), (b"cache-control", b"no-cache")]
        await sink.head(200, [*headers, *self._place(), *more])
        chunk = b""
        try:
            async for chunk in self.events(Place()):
                await sink.data(chunk)
        except asyncio.CancelledError:
            if chunk.endswith(DONE):
                await self._delivered_when_stored()
            raise
        await self._end(sink)

    async def _delivered_when_stored(self) -> None:
        with suppress(TimeoutError, StellwerkError):
            async with asyncio.timeout(STORED):
                while not (await self.request()).state.final:
                    await self.watch.news(1)
                await self._tell()

    async def events(self, place: Place) -> AsyncIterator[bytes]:
        """The events after `place`; a failure on the way is the last of them."""
        try:
            async for chunk in follow(
                self.queueing.queue, self.key_id, self.name, place, self.watch
            ):
                yield chunk
        except StellwerkError as error:
            yield error_event(error)

    async def _end(self, sink: Sink) -> None:
        # Before the end: with the end this call may be given up, as if its caller had gone. So it
        # may be now, for who has the last byte need not wait; it was delivered for all that.
        telling = asyncio.ensure_future(self._tell())
        try:
            await asyncio.shield(telling)
        except asyncio.CancelledError:
            await telling
            raise
        await sink.end()

    async def _tell(self) -> None:
        await self.queueing.queue.delivered(self.name, self.queueing.settings.delivered)

    def _place(self) -> Headers:
        return [(b"location", PLACE.format(name=self.name).encode())]


def _headers(content_type: str, body: bytes) -> Headers:
    return [
        (b"content-type", content_type.encode("latin-1")),
        (b"content-length", str(len(body)).encode()),
    ]
