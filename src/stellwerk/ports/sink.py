"""Where the answer of an operation goes: an HTTP connection, a row of the queue."""

from typing import Protocol

Headers = list[tuple[bytes, bytes]]


class Sink(Protocol):
    """Takes one answer: `head` once, `data` any number of times, then `end`.

    `data` returns when the other side can take more. An operation that is given up (its task is
    cancelled) calls nothing more.
    """

    async def head(self, status: int, headers: Headers) -> None: ...

    async def data(self, chunk: bytes) -> None: ...

    async def end(self) -> None: ...
