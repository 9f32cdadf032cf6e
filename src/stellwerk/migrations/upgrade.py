"""Bring a database to this version's tables, once, however many processes start together."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from stellwerk import __version__
from stellwerk.data.database import Database
from stellwerk.data.errors import UnsuitableDatabaseError, driver_error, first_line, sqlstate
from stellwerk.data.locks import Lock

LOCK = text(f"select pg_advisory_xact_lock({Lock.MIGRATION})")

# SQLSTATE insufficient_privilege.
NOT_ALLOWED = "42501"


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
    try:
        async with database.begin() as connection:
            await connection.execute(LOCK)
            await connection.run_sync(_upgrade)
    except DBAPIError as error:
        if sqlstate(error) != NOT_ALLOWED:
            raise
        raise UnsuitableDatabaseError(
            f"database.url names a role without enough rights: {first_line(driver_error(error))}. "
            "Make that role the owner of the database, and as a superuser run "
            "`create extension vector` in it."
        ) from error


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
