"""The pool: transactions, errors, and what it does when the server goes away."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from stellwerk.base.errors import Kind
from stellwerk.data.database import Database
from stellwerk.data.errors import (
    DatabaseFullError,
    DatabaseUnavailableError,
    UnsuitableDatabaseError,
)
from stellwerk.data.requirements import check_version
from stellwerk.supervisor.postgres import EmbeddedPostgres
from stellwerk.supervisor.postgres_programs import installed
from tests.disks import small_disk

Make = Callable[..., EmbeddedPostgres]


@pytest.fixture
async def numbers(empty_dsn: str) -> AsyncIterator[Database]:
    """A database with an empty table `numbers(n)`, on each version."""
    async with Database(empty_dsn, pool_size=2, timeout=0.2) as database:
        async with database.begin() as connection:
            await connection.execute(text("create table numbers (n int primary key)"))
        yield database


async def run(lent: AbstractAsyncContextManager[AsyncConnection], *statements: str) -> None:
    async with lent as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def insert(lent: AbstractAsyncContextManager[AsyncConnection], *numbers: int) -> None:
    await run(lent, *(f"insert into numbers values ({number})" for number in numbers))


async def total(database: Database) -> int:
    async with database.connect() as connection:
        found: int = await connection.scalar(text("select count(*) from numbers"))
        return found


async def test_a_transaction_holds_or_leaves_nothing(numbers: Database) -> None:
    async with numbers.begin() as connection:
        await connection.execute(text("insert into numbers values (1)"))
        assert await total(numbers) == 0
    assert await total(numbers) == 1
    with pytest.raises(IntegrityError):
        await insert(numbers.begin(), 2, 1)
    assert await total(numbers) == 1


async def test_without_a_transaction_each_statement_holds(numbers: Database) -> None:
    with pytest.raises(IntegrityError):
        await insert(numbers.connect(), 1, 1)
    assert await total(numbers) == 1


async def test_the_caller_s_own_errors_pass(numbers: Database) -> None:
    async def fail() -> None:
        async with numbers.begin() as connection:
            await connection.execute(text("insert into numbers values (1)"))
            raise FileNotFoundError

    with pytest.raises(FileNotFoundError):
        await fail()
    assert await total(numbers) == 0


async def test_json_goes_in_and_out(numbers: Database) -> None:
    value = {"text": 'ä\n"', "list": [1, 2.5, None, True], "deep": {"er": {}}}
    statement = text("select :value as v").bindparams(bindparam("value", type_=JSONB))
    async with numbers.connect() as connection:
        got = await connection.scalar(statement.columns(v=JSONB), {"value": value})
    assert got == value


async def test_a_busy_pool_is_no_fault_of_the_caller(numbers: Database) -> None:
    async with numbers.connect(), numbers.connect():
        with pytest.raises(DatabaseUnavailableError, match="all connections are busy") as caught:
            await total(numbers)
    assert caught.value.kind is Kind.UNAVAILABLE
    assert caught.value.retry_after
    assert await total(numbers) == 0


@pytest.mark.parametrize("version", [16, 18])
async def test_it_heals_when_the_server_comes_back(embedded: Make, version: int) -> None:
    postgres = embedded(version=version)
    await postgres.start()

    async def lose_it(database: Database) -> None:
        async with database.begin() as connection:
            await connection.execute(text("create table lost (n int)"))
            await postgres.stop()
            await connection.execute(text("select 1"))

    async with Database(postgres.dsn) as database:
        await asyncio.gather(*(database.check() for _ in range(5)))
        with pytest.raises(DatabaseUnavailableError):
            await lose_it(database)
        with pytest.raises(DatabaseUnavailableError, match="cannot be reached"):
            await database.check()
        await postgres.start()
        await asyncio.gather(*(database.check() for _ in range(5)))
        async with database.connect() as connection:
            assert await connection.scalar(text("select to_regclass('lost')")) is None
        # Nobody noticed this time: every connection in the pool is dead.
        await postgres.stop()
        await postgres.start()
        await asyncio.gather(*(database.check() for _ in range(5)))
    await postgres.stop()


async def test_a_killed_backend_is_an_absent_server(numbers: Database) -> None:
    with pytest.raises(DatabaseUnavailableError):
        await run(numbers.begin(), "select pg_terminate_backend(pg_backend_pid())", "select 1")
    assert await total(numbers) == 0


async def test_a_new_enough_server_with_pgvector_will_do(numbers: Database) -> None:
    await numbers.check()
    async with numbers.begin() as connection:
        await connection.execute(text("create extension vector"))
    await numbers.check()


@pytest.mark.parametrize(
    ("dsn", "message"),
    [
        ("postgresql://me@127.0.0.1:1/x", "refused|Connect call failed"),
        ("postgresql://me@/x?host=/nowhere", "No such file"),
    ],
)
async def test_an_unreachable_server(dsn: str, message: str) -> None:
    async with Database(dsn) as database:
        with pytest.raises(DatabaseUnavailableError, match=message):
            await database.check()


async def test_a_wrong_url_names_the_setting(postgres_dsn: str) -> None:
    for dsn, message in {
        "mysql://me@127.0.0.1/x": "scheme",
        postgres_dsn.replace("/postgres?", "/nothing?"): 'database "nothing" does not exist',
        postgres_dsn.replace("stellwerk@", "someone@"): 'role "someone" does not exist',
    }.items():
        async with Database(dsn) as database:
            with pytest.raises(UnsuitableDatabaseError, match="database.url.*" + message):
                await database.check()


@pytest.mark.parametrize("place", ["x@host:port", "pass/word@host", "x@[::1", "x@127.0.0.1:-1"])
async def test_an_url_that_cannot_be_read_is_not_quoted(place: str) -> None:
    async with Database(f"postgresql://me:{place}/name") as database:
        with pytest.raises(
            UnsuitableDatabaseError, match=r"database\.url cannot be read"
        ) as caught:
            await database.check()
    assert "pass/word" not in caught.value.message


async def test_an_error_does_not_tell_what_was_sent(postgres_dsn: str) -> None:
    async with Database(postgres_dsn) as database, database.connect() as connection:
        with pytest.raises(DBAPIError) as caught:
            await connection.execute(text("select cast(:given as int) / 0"), {"given": 31_415_926})
    assert "31415926" not in str(caught.value)


async def test_a_database_of_another_encoding(postgres_dsn: str) -> None:
    name = "latin"
    async with Database(postgres_dsn) as server, server.connect() as connection:
        await connection.execute(
            text(
                f"create database {name} encoding 'LATIN1' locale 'C' template template0 "
                "locale_provider libc"
            )
        )
    async with Database(postgres_dsn.replace("/postgres?", f"/{name}?")) as database:
        with pytest.raises(UnsuitableDatabaseError, match=r"database\.url .*LATIN1"):
            await database.check()


async def test_a_full_disk_is_told(embedded: Make, data_dir: Path) -> None:
    async with embedded() as postgres, Database(postgres.dsn) as database:
        with small_disk(data_dir / "small") as place:
            owner = (data_dir / "postgres").stat()
            os.chown(place, owner.st_uid, owner.st_gid)
            await run(
                database.connect(),
                f"create tablespace small location '{place}'",
                "create table filled (text text) tablespace small",
            )
            much = "insert into filled select repeat('x', 1000) from generate_series(1, 5000)"
            with pytest.raises(DatabaseFullError, match="make room"):
                await run(database.begin(), much)
            await run(database.connect(), "drop table filled", "drop tablespace small")


def test_an_old_server() -> None:
    check_version(160000, "16.0")
    with pytest.raises(UnsuitableDatabaseError, match=r"database\.url .*15\.9.*needs 16"):
        check_version(150009, "15.9")


@pytest.mark.parametrize(("offered", "message"), [(None, "without pgvector"), ("0.7.4", "0.7.4")])
async def test_a_server_without_a_pgvector_that_will_do(
    embedded: Make, data_dir: Path, monkeypatch: pytest.MonkeyPatch, offered: str, message: str
) -> None:
    control = _own_programs(data_dir, monkeypatch) / "share/postgresql/extension/vector.control"
    control.unlink()
    if offered:
        control.write_text(f"default_version = '{offered}'\n")
    async with embedded() as postgres, Database(postgres.dsn) as database:
        with pytest.raises(UnsuitableDatabaseError, match=rf"database\.url .*{message}.*install"):
            await database.check()


async def test_a_database_whose_pgvector_was_not_updated(empty_dsn: str) -> None:
    async with Database(empty_dsn) as database:
        async with database.begin() as connection:
            await connection.execute(text("create extension vector"))
            change = "update pg_extension set extversion = '0.7.4' where extname = 'vector'"
            await connection.execute(text(change))
        with pytest.raises(UnsuitableDatabaseError, match="alter extension vector update"):
            await database.check()


def _own_programs(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the wheel's PostgreSQL 18, found before the installed one."""
    tree = installed()[18]
    package = data_dir / "wheel" / tree.parent.name
    shutil.copytree(tree, package / tree.name, ignore=shutil.ignore_patterns("include", "*.a"))
    libraries = tree.parent.with_name(tree.parent.name + ".libs")
    shutil.copytree(libraries, package.with_name(libraries.name))
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(package.parent))
    return package / tree.name
