"""Where the answer of an operation goes: an HTTP connection, a row of the queue."""

from typing import Protocol

from stellwerk.base.errors import StellwerkError

Headers = list[tuple[bytes, bytes]]

EVENT_STREAM = b"text/event-stream"
# The usage of an answer whose body has no place for it, as JSON.
TOLD_USAGE = b"x-usage"
# Of these headers, the values with which a body can be read.
READABLE = {b"content-type": b"application/json", b"content-encoding": b"identity"}


class Head:
    """Status and headers of an answer (names in lower case).

    What is asked of them for every answer is worked out here, because one server's answers mostly
    have the same head: `lines` are the headers as HTTP has them, `is_stream` tells of
    server-sent events, `readable` of a body that may be JSON.
    """

    __slots__ = ("headers", "is_stream", "lines", "readable", "status")

    def __init__(self, status: int, headers: Headers) -> None:
        self.status, self.headers = status, headers
        self.lines = lines(headers)
        kind = next((value for name, value in headers if name == b"content-type"), b"")
        self.is_stream = kind.startswith(EVENT_STREAM)
        read = [value.startswith(READABLE[name]) for name, value in headers if name in READABLE]
        self.readable = all(read)


def lines(headers: Headers) -> bytes:
    """Headers as HTTP/1.1 has them, each with its line's end."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


def parsed(written: bytes) -> Headers:
    """The headers that `lines` has written."""
    pairs = [line.partition(b": ") for line in written.split(b"\r\n")]
    return [(name, value) for name, _, value in pairs if name]


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

    def whole(self, head: Head, more: bytes, body: bytes) -> None:
        """An answer in one piece. `more` are lines beside those of `head`; none tells a length."""
        ...

    def head(self, head: Head, more: bytes) -> None: ...

    def data(self, chunk: bytes) -> None: ...

    def end(self) -> None: ...

    def cut(self, error: StellwerkError) -> None:
        """The answer is not whole, and it cannot be said in it: whoever reads it must see that."""
        ...

    def refuse(self, error: StellwerkError) -> None: ...
