"""From an empty database to this version's tables, once."""

import asyncio
import pkgutil
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from stellwerk import features
from stellwerk.data.database import Database
from stellwerk.data.errors import DatabaseUnavailableError
from stellwerk.data.metadata import metadata
from stellwerk.migrations import NewerDatabaseError, upgrade

TABLES = {"projects", "api_keys", "models", "alembic_version"}


async def tables(dsn: str) -> set[str]:
    async with Database(dsn) as database, database.connect() as connection:
        found = await connection.scalars(
            text("select tablename from pg_tables where schemaname = 'public'")
        )
        return set(found)


async def test_an_empty_database_gets_all_tables(empty_dsn: str) -> None:
    await upgrade(empty_dsn)
    assert await tables(empty_dsn) >= TABLES


async def test_a_second_time_changes_nothing(empty_dsn: str) -> None:
    async with Database(empty_dsn) as database:
        await upgrade(database)
        async with database.begin() as connection:
            await connection.execute(text("insert into projects (id, name) values ('p', 'p')"))
        await upgrade(database)
        async with database.connect() as connection:
            assert await connection.scalar(text("select count(*) from projects")) == 1


async def test_many_at_once_run_the_steps_once(empty_dsn: str) -> None:
    code = "import asyncio, sys; from stellwerk.migrations import upgrade; "
    command = [sys.executable, "-c", code + "asyncio.run(upgrade(sys.argv[1]))", empty_dsn]
    with subprocess.Popen(command) as one, subprocess.Popen(command) as other:
        ours = await asyncio.gather(*(upgrade(empty_dsn) for _ in range(6)), return_exceptions=True)
    assert ours == [None] * 6
    assert (one.returncode, other.returncode) == (0, 0)
    assert await tables(empty_dsn) >= TABLES


async def test_a_newer_database_is_refused(empty_dsn: str) -> None:
    await upgrade(empty_dsn)
    async with Database(empty_dsn) as database:
        async with database.begin() as connection:
            await connection.execute(text("update alembic_version set version_num = '9999'"))
        with pytest.raises(NewerDatabaseError, match="9999"):
            await upgrade(database)


async def test_a_step_that_fails_leaves_nothing(empty_dsn: str) -> None:
    async with Database(empty_dsn) as database:
        async with database.begin() as connection:
            await connection.execute(text("create table models (mine int)"))
        with pytest.raises(Exception, match='relation "models" already exists'):
            await upgrade(database)
    assert await tables(empty_dsn) == {"models"}


async def test_without_a_server_it_says_so() -> None:
    with pytest.raises(DatabaseUnavailableError):
        await upgrade("postgresql://me@127.0.0.1:1/x")


async def test_the_tables_are_those_of_the_features(database: Database) -> None:
    for feature in pkgutil.iter_modules(features.__path__, f"{features.__name__}."):
        names = {
            module.name for module in pkgutil.iter_modules(import_module(feature.name).__path__)
        }
        if "tables" in names:
            import_module(f"{feature.name}.tables")
    import_module("stellwerk.data.blobs.tables")
    assert set(metadata.tables) >= TABLES - {"alembic_version"}
    async with database.connect() as connection:
        assert await connection.run_sync(_differences) == []


def _differences(connection: Connection) -> Any:
    options = {"compare_type": True, "compare_server_default": True}
    return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
