"""The database of some settings: another's, the one that `serve` runs, or our own for a moment."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from stellwerk.base.settings import Settings
from stellwerk.data.database import Database
from stellwerk.migrations import upgrade
from stellwerk.supervisor.postgres import EmbeddedPostgres
from stellwerk.supervisor.postgres_errors import PostgresInUseError
from stellwerk.supervisor.postgres_socket import socket_directory


def embedded_postgres(settings: Settings, report: Callable[[str], None]) -> EmbeddedPostgres | None:
    """The PostgreSQL in the data directory; None when `database.url` names another."""
    if settings.database.url is not None:
        return None
    return EmbeddedPostgres(
        directory=settings.data_dir / "postgres",
        run_dir=socket_directory(settings.data_dir),
        version=settings.database.version,
        account=settings.database.account,
        start_timeout=settings.database.start_timeout,
        report=report,
    )


@asynccontextmanager
async def open_database(
    settings: Settings, report: Callable[[str], None] = lambda _: None
) -> AsyncIterator[Database]:
    """A migrated database for a command. An embedded PostgreSQL that nobody runs is run for it."""
    async with AsyncExitStack() as stack:
        dsn = await _dsn(settings, stack, report)
        database = await stack.enter_async_context(Database(dsn, pool_size=1))
        await upgrade(database)
        yield database


async def _dsn(settings: Settings, stack: AsyncExitStack, report: Callable[[str], None]) -> str:
    if settings.database.url is not None:
        return settings.database.url.get_secret_value()
    postgres = embedded_postgres(settings, report)
    assert postgres is not None
    try:
        await stack.enter_async_context(postgres)
    except PostgresInUseError:
        # `serve` runs it: its socket is all that is needed.
        return postgres.dsn
    return postgres.dsn
