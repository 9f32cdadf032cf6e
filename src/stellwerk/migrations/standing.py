"""Whether a database has this version's tables. Nothing is changed."""

from typing import Literal

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from stellwerk.data.database import Database

Standing = Literal["empty", "behind", "current", "newer"]


async def standing(database: Database) -> Standing:
    """`newer` holds a step that this version does not know. Raises what `Database.check` raises."""
    await database.check()
    async with database.connect() as connection:
        return await connection.run_sync(_standing)


def _standing(connection: Connection) -> Standing:
    config = Config()
    config.set_main_option("script_location", "stellwerk:migrations")
    steps = ScriptDirectory.from_config(config)
    done = set(MigrationContext.configure(connection).get_current_heads())
    if not done:
        return "empty"
    if not done <= {step.revision for step in steps.walk_revisions()}:
        return "newer"
    return "current" if done == set(steps.get_heads()) else "behind"
