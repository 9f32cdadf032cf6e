"""One connection of our own, for statements that are asked for thousands of times a second.

SQLAlchemy's pool costs more CPU than such a statement does in PostgreSQL. Here asyncpg is used
directly: every call is a transaction of its own, unless `transaction` is asked for.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import asyncpg

from stellwerk.data.database import Database
from stellwerk.data.errors import AWAY, DatabaseUnavailableError


class Line:
    """A connection that is made when it is needed, and again after it broke; one user at a time.

    `settings` are PostgreSQL's, for the session. Raises `DatabaseUnavailableError` where the server
    cannot be reached.
    """

    def __init__(self, database: Database, settings: dict[str, str] | None = None) -> None:
        self._database = database
        self._settings = settings or {}
        self._connection: Any = None
        self._free = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        if self._connection is not None:
            # A close that waits for the server's answer could wait on a dead line.
            self._connection.terminate()
            self._connection = None

    async def fetch(self, statement: str, *values: Any) -> list[Any]:
        async with self._lent() as connection:
            rows: list[Any] = await connection.fetch(statement, *values)
            return rows

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """An `asyncpg.Connection` in a transaction."""
        async with self._lent() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[Any]:
        async with self._free:
            try:
                yield await self._open()
            except asyncpg.PostgresError as error:
                if not (error.sqlstate or "").startswith(AWAY):
                    raise
                await self.close()
                raise DatabaseUnavailableError(error) from error
            except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
                await self.close()
                raise DatabaseUnavailableError(error) from error
            except asyncio.CancelledError:
                # The statement may be under way; whoever comes next must not meet its answer.
                await self.close()
                raise

    async def _open(self) -> Any:
        if self._connection is None or self._connection.is_closed():
            # Kept at once: whatever happens on it from here on, it is closed.
            self._connection = await self._database.connection()
            for name, value in self._settings.items():
                await self._connection.execute("select set_config($1, $2, false)", name, value)
        return self._connection
