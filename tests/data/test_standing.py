"""Whether a database has this version's tables."""

from sqlalchemy import text

from stellwerk.data.database import Database
from stellwerk.migrations import upgrade
from stellwerk.migrations.standing import standing


async def test_from_empty_to_newer(empty_dsn: str) -> None:
    async with Database(empty_dsn) as database:
        assert await standing(database) == "empty"
        async with database.connect() as connection:
            tables = text("select count(*) from pg_tables where schemaname = 'public'")
            assert await connection.scalar(tables) == 0
        await upgrade(database)
        assert await standing(database) == "current"
        async with database.begin() as connection:
            await connection.execute(text("update alembic_version set version_num = '9999'"))
        assert await standing(database) == "newer"
