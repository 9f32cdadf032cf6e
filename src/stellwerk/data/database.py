"""Connections to PostgreSQL: a pool that heals by itself when the server was restarted."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Self

import asyncpg
import msgspec
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from stellwerk.data.errors import (
    DatabaseUnavailableError,
    UnsuitableDatabaseError,
    driver_error,
    first_line,
    lost,
)
from stellwerk.data.requirements import check_requirements

CONNECT_TIMEOUT = 10


class WrongUrlError(UnsuitableDatabaseError):
    """The address itself is wrong: nothing was asked of any server."""

    exit_status = 2


class Database:
    """A pool of connections to one PostgreSQL database.

    `dsn` is what libpq takes: `postgresql://user:password@host:port/name?sslmode=require`, or with
    `?host=/directory` for a Unix socket. Nothing is connected before the first use. `begin` and
    `connect` raise `DatabaseUnavailableError` when the server is away, at the start or in the
    middle, or when no connection of the pool is free for `timeout` seconds.
    """

    def __init__(self, dsn: str, *, pool_size: int = 5, timeout: float = 30) -> None:
        self.dsn = dsn
        self._engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self.connection,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=timeout,
            pool_pre_ping=True,
            pool_use_lifo=True,
            # Errors are logged; what was sent may be the digest of a key.
            hide_parameters=True,
            json_serializer=lambda value: msgspec.json.encode(value).decode(),
            json_deserializer=msgspec.json.decode,
        )
        self._single = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._engine.dispose()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction, committed at the end unless an error passes."""
        async with _lent_by(self._engine) as connection, connection.begin():
            yield connection

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """A connection on which every statement is a transaction of its own, in one round trip.

        There is no other transaction on it, not even with its `begin`: use `Database.begin`.
        """
        async with _lent_by(self._single) as connection:
            yield connection

    async def connection(self, **_: Any) -> Any:
        """A new `asyncpg.Connection` outside the pool, for those who hold one for long."""
        settings = {"application_name": "stellwerk", "timezone": "UTC", "jit": "off"}
        connect = asyncpg.connect(self.dsn, timeout=CONNECT_TIMEOUT, server_settings=settings)
        try:
            return await connect
        except asyncpg.InterfaceError:
            raise
        except (ValueError, OverflowError):
            # What went wrong may quote a part of the password.
            raise WrongUrlError(
                "database.url cannot be read: its host or port cannot be. Write "
                "`postgresql://user:password@host:5432/name`, with %40 for @, %2F for / and "
                "%3A for : in the password."
            ) from None

    async def check(self) -> None:
        """Raise unless the server can be reached, is new enough and has pgvector.

        `DatabaseUnavailableError` when it is away, `UnsuitableDatabaseError` for what a person
        has to change; both say what.
        """
        try:
            async with self.connect() as connection:
                await check_requirements(connection)
        except DBAPIError as error:
            reason = first_line(driver_error(error))
            raise UnsuitableDatabaseError(f"database.url cannot be used: {reason}.") from error


@asynccontextmanager
async def _lent_by(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    async with AsyncExitStack() as stack:
        try:
            connection = await stack.enter_async_context(engine.connect())
        except PoolTimeoutError as error:
            raise DatabaseUnavailableError("all connections are busy") from error
        except OSError as error:
            raise DatabaseUnavailableError(error) from error
        except DBAPIError as error:
            if (told := lost(error)) is None:
                raise
            raise told from error
        try:
            yield connection
        except DBAPIError as error:
            if (told := lost(error)) is None:
                raise
            raise told from error
        except ConnectionError as error:
            raise DatabaseUnavailableError(error) from error
