"""Bring a database to this version's tables, once, however many processes start together."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from stellwerk import __version__
from stellwerk.data.database import Database
from stellwerk.data.errors import UnsuitableDatabaseError

# Any number that no other program is likely to lock in the same database.
LOCK = text("select pg_advisory_xact_lock(7824617202)")


class NewerDatabaseError(UnsuitableDatabaseError):
    """The database holds what only a newer Stellwerk understands."""

    code = "database_newer"


async def upgrade(database: Database | str) -> None:
    """Run the missing steps in one transaction, so that a step that fails leaves nothing.

    Raises `NewerDatabaseError`, and what `Database.check` raises.
    """
    if isinstance(database, str):
        async with Database(database, pool_size=1) as opened:
            await upgrade(opened)
            return
    await database.check()
    async with database.begin() as connection:
        await connection.execute(LOCK)
        await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", "stellwerk:migrations")
    config.attributes["connection"] = connection
    steps = ScriptDirectory.from_config(config)
    known = {step.revision for step in steps.walk_revisions()}
    unknown = set(MigrationContext.configure(connection).get_current_heads()) - known
    if unknown:
        raise NewerDatabaseError(
            f"The database is newer than this Stellwerk {__version__}: it has step "
            f"{', '.join(sorted(unknown))}. Install the version that was last used with it, "
            "or restore a backup made before."
        )
    command.upgrade(config, "head")
