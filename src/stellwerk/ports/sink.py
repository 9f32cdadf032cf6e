"""Where the answer of an operation goes: an HTTP connection, a row of the queue."""

from typing import Protocol

from stellwerk.base.errors import StellwerkError

Headers = list[tuple[bytes, bytes]]


class Sink(Protocol):
    """Takes one answer: `head` once, `data` any number of times, then `end`.

    `data` returns when the other side can take more. An operation that is given up (its task is
    cancelled) calls nothing more.
    """

    async def head(self, status: int, headers: Headers) -> None: ...

    async def data(self, chunk: bytes) -> None: ...

    async def end(self) -> None: ...


class Outlet(Protocol):
    """A sink in callbacks, for whoever cannot wait; it says itself when it is full.

    Either `refuse`, or `whole`, or `head`, `data` any number of times (also empty: all so far may
    go out) and `end` or `cut`. Nothing comes after the operation was cancelled.
    """

    def whole(self, status: int, headers: Headers, body: bytes) -> None:
        """An answer in one piece. `headers` do not tell its length."""
        ...

    def head(self, status: int, headers: Headers) -> None: ...

    def data(self, chunk: bytes) -> None: ...

    def end(self) -> None: ...

    def cut(self, error: StellwerkError) -> None:
        """The answer is not whole, and it cannot be said in it: whoever reads it must see that."""
        ...

    def refuse(self, error: StellwerkError) -> None: ...
