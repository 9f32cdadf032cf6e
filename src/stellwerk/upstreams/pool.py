"""Kept connections to one server."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import NamedTuple

from stellwerk.upstreams.connection import Connection
from stellwerk.upstreams.exchange import Failure, Receiver

# How often deadlines are looked at: one timer for a pool costs less than one for each request.
TICK = 0.25
# A refused reused connection was most likely closed by the server at the moment when it was idle
# too long; later than this, the server has probably worked.
STALE_WITHIN = 1.0


class Address(NamedTuple):
    """Where a server listens: a Unix socket, or host and port."""

    host: str
    port: int
    tls: bool = False
    socket: str | None = None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `keep_alive` is below the 5 seconds after which many servers hang up."""

    connect: float = 10
    first_byte: float = 600
    idle: float = 300
    keep_alive: float = 4


class PooledExchange:
    """See `Exchange`. It may move to a second connection before its first byte."""

    __slots__ = ("_connection", "_opening", "_pool", "cancelled", "paused", "receiver", "request")

    def __init__(self, pool: "Pool", request: bytes, receiver: Receiver) -> None:
        self._pool = pool
        self._connection: Connection | None = None
        self._opening: asyncio.Task[None] | None = None
        self.request = request
        self.receiver = receiver
        self.cancelled = self.paused = False

    def cancel(self) -> None:
        self.cancelled = True
        if self._opening is not None:
            self._opening.cancel()
        connection = self._connection
        # A finished exchange's connection belongs to the pool, or to the next exchange.
        if connection is not None and connection.exchange is self:
            connection.abort()

    def pause(self) -> None:
        self.paused = True
        if self._connection is not None and self._connection.exchange is self:
            self._connection.pause()

    def resume(self) -> None:
        self.paused = False
        if self._connection is not None and self._connection.exchange is self:
            self._connection.resume()
            self._pool.touch(self._connection)

    def failed(self, failure: Failure, connection: Connection) -> None:
        stale = failure is Failure.REFUSED and connection.reused
        if stale and self._pool.now() - connection.sent_at < STALE_WITHIN:
            self.open()
        else:
            self.receiver.failed(failure)

    def send_on(self, connection: Connection) -> None:
        self._connection = connection
        if self.paused:
            connection.pause()
        connection.send(self, self.request)
        self._pool.watch()

    def open(self) -> None:
        self._opening = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        try:
            connection = await self._pool.connect()
        except (OSError, TimeoutError):
            self.receiver.failed(Failure.UNREACHED)
        else:
            self.send_on(connection)
        finally:
            self._opening = None


class Pool:
    """Connections to one address. Made and used on one event loop."""

    def __init__(
        self, address: Address, timeouts: Timeouts, context: ssl.SSLContext | None
    ) -> None:
        self._address = address
        self.timeouts = timeouts
        self._context = context
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time

    def begin(self, request: bytes, receiver: Receiver) -> PooledExchange:
        """Send a whole request (head and body) and hand its answer to `receiver`.

        `receiver` may hear of the answer or of a failure only after this has returned.
        """
        exchange = PooledExchange(self, request, receiver)
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                connection.reused = True
                exchange.send_on(connection)
                return exchange
        exchange.open()
        return exchange

    def close(self) -> None:
        """Close all connections, also busy ones."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connection in list(self._all):
            connection.abort()

    @property
    def size(self) -> int:
        """Open connections, busy or idle."""
        return len(self._all)

    # For connections and exchanges

    def watch(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(TICK, self._tick)

    def touch(self, connection: Connection) -> None:
        """Something comes of it: its time begins anew."""
        connection.moved = False
        connection.deadline = self.now() + self.timeouts.idle

    def release(self, connection: Connection) -> None:
        connection.moved = False
        connection.deadline = self.now() + self.timeouts.keep_alive
        self._idle.append(connection)

    def forget(self, connection: Connection) -> None:
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    async def connect(self) -> Connection:
        """Raises `OSError` or `TimeoutError`."""
        async with asyncio.timeout(self.timeouts.connect):
            connection = await self._dial()
        self._all.add(connection)
        return connection

    async def _dial(self) -> Connection:
        address = self._address
        if address.socket is not None:
            _, made = await self._loop.create_unix_connection(
                lambda: Connection(self), address.socket
            )
        else:
            _, made = await self._loop.create_connection(
                lambda: Connection(self), address.host, address.port, ssl=self._context
            )
        return made

    def _tick(self) -> None:
        now = self.now()
        for connection in self._all:
            if connection.moved:
                self.touch(connection)
        for connection in [one for one in self._all if one.deadline < now]:
            if connection.exchange is None:
                connection.abort()
            elif connection.exchange.paused:
                # Whoever takes the answer is slow; the server is not to blame.
                self.touch(connection)
            else:
                connection.fail(Failure.STALLED if connection.answered else Failure.SILENT)
        self._timer = self._loop.call_later(TICK, self._tick) if self._all else None
