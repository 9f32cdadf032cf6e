"""`stellwerk worker`: worker processes beside a server, or on a machine of their own."""

import sys
from contextlib import AsyncExitStack
from pathlib import Path

from stellwerk.base.errors import Kind, StellwerkError
from stellwerk.base.settings import Settings
from stellwerk.compose.database import dsn_of
from stellwerk.compose.engines import SPECS
from stellwerk.compose.models import check_models
from stellwerk.compose.tracing import check_tracing
from stellwerk.data.database import Database
from stellwerk.migrations import upgrade
from stellwerk.supervisor.lock import holder
from stellwerk.supervisor.run_directory import place
from stellwerk.supervisor.workers import supervise_workers


class NoServerError(StellwerkError):
    """There is no queue to work for."""

    kind = Kind.NOT_FOUND
    code = "no_server"


async def work(settings: Settings, metrics_port: int | None = None) -> None:
    """Run worker processes until a signal asks to stop. Raises `NoServerError`, `ListenError`."""
    check_models(settings)
    check_tracing(settings.tracing)
    beside = holder(settings.data_dir) is not None
    if not beside and settings.database.url is None:
        raise NoServerError(
            f"Nobody serves {settings.data_dir}, and the settings name no database. Start "
            "`stellwerk serve` first, or give the server's database as database.url."
        )
    async with AsyncExitStack() as stack:
        dsn = await dsn_of(settings, stack, _say)
        async with Database(dsn, pool_size=1) as database:
            await upgrade(database)
        control: Path | None = place(settings.data_dir) / "broker.sock" if beside else None
        await supervise_workers(settings, SPECS, dsn, control, _say, metrics_port)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
