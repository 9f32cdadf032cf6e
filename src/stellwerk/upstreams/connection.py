"""One HTTP/1.1 connection to a server: requests one after another, answers in callbacks."""

import asyncio
from typing import TYPE_CHECKING, cast

import httptools

from stellwerk.ports.sink import TOLD_USAGE, Head, Headers
from stellwerk.upstreams.exchange import Failure
from stellwerk.wire.chunks import content_of
from stellwerk.wire.known_head import KnownHead

if TYPE_CHECKING:
    from stellwerk.upstreams.pool import Pool, PooledExchange

# All headers of an answer together. nginx takes 8 KiB by default, Node.js 16 KiB.
LONGEST_HEAD = 65_536
FRAMING = {b"content-length", b"transfer-encoding"}
# In an interim answer (102): the share of the work that is done.
PROGRESS = b"x-progress"
# What is handed on of a head; its other lines speak of the server alone.
KEPT = {b"content-type", b"content-encoding", b"content-disposition", b"retry-after", TOLD_USAGE}


class Connection(asyncio.Protocol):
    """A connection of a pool. It is busy while it has an exchange."""

    __slots__ = (
        "_announced",
        "_between_chunks",
        "_complete",
        "_framed",
        "_head",
        "_head_size",
        "_headers",
        "_keep",
        "_known",
        "_new_head",
        "_parser",
        "_pieces",
        "_pool",
        "_status",
        "_transport",
        "answered",
        "deadline",
        "exchange",
        "is_open",
        "moved",
        "reused",
        "sent_at",
    )

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self.is_open = False
        self._parser = httptools.HttpResponseParser(self)
        self._headers: Headers = []
        # Of the answer that is on its way; between two, of the last one.
        self._head = Head(0, [])
        self._pieces: list[bytes] = []
        self._status = 0
        self._head_size = 0
        self._new_head = self._complete = self._framed = self._keep = self._announced = False
        # Whether the next byte is the first of a chunk: the parser need not see that chunk.
        self._between_chunks = False
        # How answers like the last one begin.
        self._known: KnownHead | None = None
        self.exchange: PooledExchange | None = None
        # Whether more of the answer has come since the pool last looked.
        self.answered = self.moved = False
        self.reused = False
        self.deadline = self.sent_at = 0.0

    def send(self, exchange: "PooledExchange", request: bytes) -> None:
        """Send `request`, the whole of it; its answer is for `exchange`."""
        assert self._transport is not None
        self.exchange = exchange
        self.answered = self._complete = self._framed = self._announced = False
        self._between_chunks = self.moved = False
        self._head_size = 0
        self.sent_at = self._pool.now()
        self.deadline = self.sent_at + self._pool.timeouts.first_byte
        self._transport.write(request)

    def pause(self) -> None:
        if self.is_open:
            cast("asyncio.Transport", self._transport).pause_reading()

    def resume(self) -> None:
        if self.is_open:
            cast("asyncio.Transport", self._transport).resume_reading()

    def abort(self) -> None:
        """Close at once; the exchange hears nothing of it."""
        self.exchange = None
        self.is_open = False
        self._pool.forget(self)
        if self._transport is not None:
            self._transport.abort()

    def fail(self, failure: Failure) -> None:
        """Close at once, and tell the exchange why."""
        exchange = self.exchange
        self.abort()
        if exchange is not None:
            exchange.failed(failure, self)

    # asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        if self.exchange is None:
            self._pool.forget(self)
        elif self._status and not self._framed and error is None:
            # An answer without a length ends with its connection.
            self._complete = True
            self._deliver(keep=False)
        else:
            self.fail(Failure.CUT if self.answered else Failure.REFUSED)

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            # Nobody asked for this, so nothing on this connection can be trusted any more.
            self.abort()
            return
        if self._between_chunks:
            content = content_of(data)
            if content is not None:
                self.moved = True
                exchange.receiver.data(content)
                return
        first, self.answered = not self.answered, True
        if first and self._known is not None:
            found = self._known.body_in(data)
            if found is not None and len(found[0]) == found[1]:
                self._complete = True
                self._finish(exchange, found[0], keep=True, whole=True)
                return
        self._read(data, first=first)

    def _read(self, data: bytes, *, first: bool) -> None:
        """Let the parser read."""
        garbled = False
        if not self._status:
            # The parser keeps a header to itself until it is complete, however long it grows.
            self._head_size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            garbled = True
        if not self._status and self._head_size > LONGEST_HEAD:
            garbled = True
        if garbled and not self._complete:
            self.fail(Failure.GARBLED)
            return
        # The parser may have seen the beginning of a chunk's size, and says nothing of it.
        self._between_chunks = self._between_chunks and data.endswith(b"\r\n")
        keep = not garbled and self._keep
        if first:
            # An answer that came at once teaches how the next ones will begin.
            learns = keep and self._complete and not self._announced
            self._known = KnownHead.of(data) if learns else None
        self._deliver(keep=keep)

    def _deliver(self, *, keep: bool) -> None:
        """Hand on all that came at once: one call costs less than one for each piece."""
        exchange = self.exchange
        assert exchange is not None
        if not self._status:
            return
        chunk = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        new, self._new_head = self._new_head, False
        if self._complete:
            self._finish(exchange, chunk, keep=keep, whole=new)
            return
        self.moved = True
        if new:
            exchange.receiver.head(self._head)
        if not exchange.cancelled:
            exchange.receiver.data(chunk)

    def _finish(self, exchange: "PooledExchange", chunk: bytes, *, keep: bool, whole: bool) -> None:
        """The answer is over; `whole`: nothing of it was handed on yet."""
        head = self._head
        self.exchange = None
        self._status = 0
        if keep and self.is_open and not exchange.paused:
            self._pool.release(self)
        else:
            self.abort()
        receiver = exchange.receiver
        try:
            if whole:
                receiver.whole(head, chunk)
                return
            if chunk:
                receiver.data(chunk)
            if not exchange.cancelled:
                receiver.end()
        except BaseException:
            # Whoever waits must hear of an end, whatever went wrong on the way to it.
            receiver.failed(Failure.GARBLED)
            raise

    # httptools' callbacks

    def on_message_begin(self) -> None:
        self._headers = []
        if self._complete:
            raise ValueError("a second answer to one request")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._status:
            # A trailer: the head has gone on already.
            return
        name = name.lower()
        if name in FRAMING:
            self._framed = True
        elif name in KEPT or name == PROGRESS:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            self._announced = True
            self._tell_progress()
        else:
            self._status, self._new_head = status, True
            self._head = Head(status, self._headers)
            # The parser forgets it with the end of the message.
            self._keep = self._parser.should_keep_alive()

    def _tell_progress(self) -> None:
        share = read_share(dict(self._headers).get(PROGRESS, b""))
        if share is not None and self.exchange is not None:
            # The server works on it, so it may take as long again.
            self._pool.touch(self)
            self.exchange.receiver.progress(share)

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_chunk_header(self) -> None:
        self._between_chunks = False

    def on_chunk_complete(self) -> None:
        self._between_chunks = True

    def on_message_complete(self) -> None:
        self._between_chunks = False
        # What has a status below 200 only announces the answer.
        self._complete = bool(self._status)


def read_share(text: bytes) -> float | None:
    """A number from 0 to 1, in a few digits; None for anything else."""
    whole, _, rest = text.partition(b".")
    if not whole.isdigit() or len(text) > 8 or (rest and not rest.isdigit()):
        return None
    return min(float(text), 1.0)
