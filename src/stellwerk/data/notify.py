"""LISTEN/NOTIFY. A notification is a hint that may be lost, so every listener also polls."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from stellwerk.base.log import get_logger
from stellwerk.data.database import Database
from stellwerk.data.errors import DatabaseUnavailableError

log = get_logger("data")

Heard = Callable[[str], Awaitable[None]]
Poll = Callable[[], Awaitable[None]]

NOTIFY = text("select pg_notify(:channel, :payload)")
LOST = (
    OSError,
    DatabaseUnavailableError,
    DBAPIError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0


async def notify(connection: AsyncConnection, channel: str, payload: str = "") -> None:
    """Tell the listeners of `channel` when, and only if, the caller's transaction commits.

    `payload` is at most 7,999 bytes: an id, not the thing itself.
    """
    await connection.execute(NOTIFY, {"channel": channel, "payload": payload})


class Listener:
    """Hears the notifications of some channels on a connection of its own.

    `heard` maps a channel to what is awaited with each payload, in order. `poll` is awaited after
    every (re)connect and then every `interval` seconds: what it reads from the tables is the
    truth. A database error from either starts the connection anew.
    """

    def __init__(
        self, database: Database, heard: Mapping[str, Heard], *, poll: Poll, interval: float = 1
    ) -> None:
        self._database = database
        self._heard = dict(heard)
        self._poll = poll
        self._interval = interval
        self._pause = FIRST_PAUSE

    async def run(self) -> None:
        """Listen until cancelled, and reconnect for ever. Other errors of the callbacks pass."""
        while True:
            try:
                await self._listen()
            except LOST as error:
                reason = str(error) or type(error).__name__
                log.warning("listener has no connection", reason=reason, again_in=self._pause)
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    async def _listen(self) -> None:
        connection = await self._database.connection()
        try:
            await self._follow(connection)
        finally:
            # A close that waits for the server's answer could wait on a dead line.
            connection.terminate()

    async def _follow(self, connection: Any) -> None:
        inbox: asyncio.Queue[tuple[str, str] | None] = asyncio.Queue()
        connection.add_termination_listener(lambda _: inbox.put_nowait(None))
        for channel in self._heard:
            await connection.add_listener(
                channel, lambda _connection, _pid, channel, text: inbox.put_nowait((channel, text))
            )
        while not connection.is_closed():
            # The answer proves that the line is alive; without it a dead one stays silent.
            await asyncio.wait_for(connection.execute("select 1"), max(self._interval, 5))
            await self._poll()
            self._pause = FIRST_PAUSE
            await self._hear(inbox)

    async def _hear(self, inbox: asyncio.Queue[tuple[str, str] | None]) -> None:
        """Hand on notifications until it is time to poll, or the connection has ended."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._interval
        while (left := end - loop.time()) > 0:
            try:
                message = await asyncio.wait_for(inbox.get(), left)
            except TimeoutError:
                return
            if message is None:
                return
            channel, payload = message
            await self._heard[channel](payload)
