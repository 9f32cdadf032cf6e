"""Reading a stored stream: from any event on, while it is written and after it has ended."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from stellwerk.base.errors import InvalidRequestError
from stellwerk.features.queue.errors import RestartedError
from stellwerk.features.queue.service import Queue
from stellwerk.features.queue.types import Events, Request
from stellwerk.features.queue.waiting import Watch

_PLACE = re.compile(r"(\d{1,9})-(\d{1,9})", re.ASCII)
# Seconds after which one looks without having heard anything, should a notification be lost.
LOOK = 2.0
FAILED = 400
EVENT_STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Place:
    """The last event that a reader has: the claim that wrote it, and its number. 0: none."""

    fence: int = 0
    number: int = 0

    @classmethod
    def read(cls, text: str | None, param: str) -> "Place":
        """`CLAIM-NUMBER`, as the events' ids are. Raises `InvalidRequestError`."""
        if not text:
            return cls()
        parts = _PLACE.fullmatch(text)
        if parts is None:
            raise InvalidRequestError(
                f"`{param}` is no id of an event; ids look like 1-17.", param=param
            )
        return cls(int(parts[1]), int(parts[2]))


async def follow(
    queue: Queue, key_id: str, name: str, place: Place, watch: Watch
) -> AsyncIterator[bytes]:
    """The events after `place`, as they come, until the request has ended.

    Raises `RestartedError` when the events before belong to an attempt that was lost.
    """
    while True:
        request = await queue.get(key_id, name)
        if place.fence and request.fence != place.fence:
            raise RestartedError(
                "The worker that wrote these events was lost, and the request runs again; read "
                f"its events from the start at /queue/requests/{name}/events."
            )
        fence = request.fence
        if request.state.final:
            if rest := await _rest(queue, key_id, request, place):
                yield rest
            return
        found = await queue.events(name, fence, place.number)
        if found:
            yield found.after(place.number)
            place = Place(fence, found.last)
        else:
            await watch.news(LOOK)


async def _rest(queue: Queue, key_id: str, request: Request, place: Place) -> bytes:
    """What is left of a stream that has ended; its answer holds all of it."""
    answer = await queue.answer(key_id, request.id)
    if answer is None:
        return b""
    if not answer.content_type.startswith(EVENT_STREAM):
        # The model answered at once, whatever was asked of it; or there is no answer but an error.
        name = b"event: error\n" if answer.status >= FAILED else b""
        lines = answer.body.splitlines() or [b""]
        return name + b"".join(b"data: %b\n" % line for line in lines) + b"\n"
    return Events(request.fence, 1, 0, answer.body).after(place.number)
