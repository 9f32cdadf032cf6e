"""The database of some settings: another's, the one that `serve` runs, or our own for a moment."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from stellwerk.base.errors import Kind, StellwerkError
from stellwerk.base.settings import Settings
from stellwerk.data.database import Database
from stellwerk.data.errors import DatabaseUnavailableError
from stellwerk.supervisor.data_directory import make
from stellwerk.supervisor.lock import holder
from stellwerk.supervisor.postgres import EmbeddedPostgres
from stellwerk.supervisor.postgres_errors import PostgresInUseError
from stellwerk.supervisor.postgres_socket import socket_directory

# Seconds for which commands, and `serve`, wait for other commands that run the database.
PATIENCE = 30.0


def embedded_postgres(
    settings: Settings, report: Callable[[str], None], patience: float = PATIENCE
) -> EmbeddedPostgres | None:
    """The PostgreSQL in the data directory; None when `database.url` names another."""
    if settings.database.url is not None:
        return None
    return EmbeddedPostgres(
        directory=settings.data_dir / "postgres",
        run_dir=socket_directory(settings.data_dir),
        version=settings.database.version,
        account=settings.database.account,
        start_timeout=settings.database.start_timeout,
        patience=patience,
        report=report,
    )


class NoDataError(StellwerkError):
    """There is no database in the data directory."""

    kind = Kind.NOT_FOUND
    code = "no_data"


def check_made(settings: Settings) -> None:
    """Raise `NoDataError` rather than make a database where one was surely not meant to be."""
    made = (settings.data_dir / "postgres").exists() or holder(settings.data_dir) is not None
    if settings.database.url is None and not made:
        raise NoDataError(
            f"There are no Stellwerk data in {settings.data_dir}. If the server was started with "
            "another data directory, name it with --data-dir or STELLWERK_DATA_DIR."
        )


@asynccontextmanager
async def open_database(
    settings: Settings, report: Callable[[str], None] = lambda _: None
) -> AsyncIterator[Database]:
    """A migrated database for a command. An embedded PostgreSQL that nobody runs is run for it.

    The one that `serve` runs is used with it; another command is waited for.
    """
    # Alembic takes as long to import as PostgreSQL to start, and hubs do not migrate.
    from stellwerk.migrations import upgrade

    async with AsyncExitStack() as stack:
        dsn = await dsn_of(settings, stack, report)
        database = await stack.enter_async_context(Database(dsn, pool_size=1))
        await upgrade(database)
        yield database


async def dsn_of(settings: Settings, stack: AsyncExitStack, report: Callable[[str], None]) -> str:
    """Where the database answers, as long as `stack` is open. It may have no tables yet."""
    postgres = embedded_postgres(settings, report, patience=0)
    if postgres is None:
        assert settings.database.url is not None
        return settings.database.url.get_secret_value()
    make(settings.data_dir)
    clock = asyncio.get_running_loop().time
    limit = clock() + PATIENCE
    while True:
        try:
            await stack.enter_async_context(postgres)
        except PostgresInUseError as error:
            late = clock() > limit
            if _serves(settings.data_dir, error.pid):
                if await _answers(postgres.dsn, last=late):
                    break
            elif late:
                raise
            await asyncio.sleep(0.1)
        else:
            break
    return postgres.dsn


def _serves(data_dir: Path, pid: int | None) -> bool:
    """Whether the process that runs PostgreSQL is `serve`, so that it stays."""
    serving = holder(data_dir)
    return serving is not None and serving.pid == pid


async def _answers(dsn: str, *, last: bool) -> bool:
    """Whether the database is there yet. The `last` time it raises `DatabaseUnavailableError`."""
    try:
        async with Database(dsn, pool_size=1) as database:
            await database.check()
    except DatabaseUnavailableError:
        if last:
            raise
        return False
    return True
