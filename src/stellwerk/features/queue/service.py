"""The queue as its callers have it: put in, look up, cancel, read, delete."""

from collections.abc import Sequence
from typing import Self

import msgspec

from stellwerk.data.database import Database
from stellwerk.data.gather import Gather
from stellwerk.data.line import Line
from stellwerk.features.queue import reading
from stellwerk.features.queue.errors import (
    IdempotencyMismatchError,
    RequestCancelledError,
    RequestLiveError,
    UnknownRequestError,
    ended,
)
from stellwerk.features.queue.statements import END_WAITING
from stellwerk.features.queue.submit import INSERT, MOST, columns
from stellwerk.features.queue.types import Answer, Events, NewRequest, Request, Standing, State
from stellwerk.wire.errors import ErrorBody, ErrorDetail

# Rows of events that are read at once; each has some 16 KiB at most.
PAGE = 100

CANCELLED = ended(State.CANCELLED, RequestCancelledError())


class Queue:
    """What a hub process asks of the queue. Every look is at the requests of one key only."""

    def __init__(self, database: Database) -> None:
        self._writing = Line(database)
        self._reading = Line(database)
        self._gather: Gather[NewRequest, bool] = Gather(self._put, MOST)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        async with self._gather:
            pass
        await self._writing.close()
        await self._reading.close()

    async def submit(self, new: NewRequest) -> str:
        """Put a request into the line; it is there, whatever happens, when this returns its id.

        The id is another one where the `idempotency_key` was used before. Raises
        `IdempotencyMismatchError` when that was for something else.
        """
        if await self._gather.submit(new):
            return new.id
        # Else it expired between the two statements.
        return await self.known(new) or await self.submit(new)

    async def known(self, new: NewRequest) -> str | None:
        """The earlier request with this `idempotency_key`. Raises `IdempotencyMismatchError`."""
        rows = await self._reading.fetch(reading.IDEMPOTENT, new.key_id, new.idempotency_key)
        if not rows:
            return None
        [(name, operation, digest)] = rows
        if (operation, digest) != (new.operation, new.digest):
            raise IdempotencyMismatchError(
                f"The Idempotency-Key {new.idempotency_key!r} belongs to another request; "
                "use a new one for each request.",
                param="Idempotency-Key",
            )
        return str(name)

    async def again(self, key_id: str, operation: str, digest: bytes) -> str | None:
        """The oldest held request with this digest whose answer nobody has had, if there is one.

        Of several, each repetition gets another one.
        """
        rows = await self._writing.fetch(reading.BIND, key_id, operation, digest)
        return str(rows[0]["id"]) if rows else None

    async def get(self, key_id: str, name: str) -> Request:
        rows = await self._reading.fetch(reading.ONE, name, key_id)
        if not rows:
            raise UnknownRequestError(name)
        return reading.request(rows[0])

    async def page(
        self,
        key_id: str,
        *,
        states: Sequence[State] = (),
        operation: str | None = None,
        model: str | None = None,
        after: str | None = None,
        limit: int = 20,
    ) -> list[Request]:
        """The newest first; `after` is the last id of the page before."""
        rows = await self._reading.fetch(
            reading.LIST, key_id, [state.value for state in states], operation, model, after, limit
        )
        return [reading.request(row) for row in rows]

    async def standing(self, request: Request) -> Standing:
        """Where a waiting request stands in the line, and when it may end."""
        [(before, busy, seconds)] = await self._reading.fetch(reading.STANDING, request.id)
        if seconds is None:
            return Standing(before, None)
        return Standing(before, float(seconds) * (before // max(busy, 1) + 1))

    async def answer(self, key_id: str, name: str) -> Answer | None:
        """The answer of a request that has ended, else None. Raises `UnknownRequestError`."""
        rows = await self._reading.fetch(reading.ANSWER, name, key_id)
        if not rows:
            raise UnknownRequestError(name)
        [(status, content_type, body)] = rows
        return None if status is None else Answer(status, content_type, body)

    async def error(self, name: str) -> ErrorDetail | None:
        """Why a request has no answer of its own."""
        rows = await self._reading.fetch(reading.ERROR, name)
        try:
            return msgspec.json.decode(rows[0]["answer"], type=ErrorBody).error if rows else None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None

    async def events(self, name: str, fence: int, after: int) -> Events | None:
        """Some stored events of an attempt that runs, after the one numbered `after`, if any."""
        rows = await self._reading.fetch(reading.EVENTS, name, fence, after, PAGE)
        if not rows:
            return None
        data = b"".join(row["data"] for row in rows)
        return Events(fence, rows[0]["first"], rows[-1]["last"], data)

    async def delivered(self, name: str, keep: int) -> None:
        """A caller has had the answer: of a held request, it is kept for `keep` seconds more.

        What was to be kept for no time is deleted at once, whoever had it.
        """
        await self._writing.fetch(reading.DELIVERED, name, keep)

    async def cancel(self, key_id: str, name: str) -> Request:
        """End a waiting request; have a running one ended. One that has ended stays as it is."""
        while True:
            await self._writing.fetch(END_WAITING, *CANCELLED, name, key_id)
            await self._writing.fetch(reading.CANCEL, name, key_id)
            request = await self.get(key_id, name)
            if request.state.final or request.state is State.CANCELLING:
                return request
            # Between the two, a running one was put back into the line.

    async def delete(self, key_id: str, name: str) -> None:
        """Delete a request that does not run. Raises `RequestLiveError` for one that does."""
        if not await self._writing.fetch(reading.DELETE, name, key_id):
            request = await self.get(key_id, name)
            raise RequestLiveError(
                f"The request {name} is {request.state}; cancel it, and delete it when it has "
                "ended."
            )

    async def ended(self, names: Sequence[str]) -> list[str]:
        """Those of the requests that have ended or are gone."""
        rows = await self._reading.fetch(reading.ENDED, list(names))
        return [str(row["id"]) for row in rows]

    async def waiting(self, key_id: str) -> tuple[int, int]:
        """How many requests of a key wait or run, and how many bytes their bodies have."""
        [(number, size)] = await self._reading.fetch(reading.WAITING, key_id)
        return number, size

    async def _put(self, new: Sequence[NewRequest]) -> list[bool]:
        rows = await self._writing.fetch(INSERT, *columns(new))
        put = {row["id"] for row in rows}
        return [one.id in put for one in new]
