"""The life of an embedded PostgreSQL that nobody kills."""

import asyncio
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import text

from stellwerk.data.database import Database
from stellwerk.data.errors import DatabaseUnavailableError
from stellwerk.supervisor.postgres import EmbeddedPostgres
from stellwerk.supervisor.postgres_errors import (
    PostgresError,
    PostgresInUseError,
    PostgresStartError,
)
from stellwerk.supervisor.postgres_leftovers import living
from stellwerk.supervisor.postgres_socket import SOCKET, socket_directory

Make = Callable[..., EmbeddedPostgres]


async def ask(postgres: EmbeddedPostgres, *statements: str) -> Any:
    """Run the statements and return the first value of the last."""
    async with Database(postgres.dsn) as database, database.connect() as connection:
        for statement in statements[:-1]:
            await connection.execute(text(statement))
        return (await connection.execute(text(statements[-1]))).scalar()


@pytest.mark.parametrize("version", [16, 18])
async def test_keeps_its_data_from_start_to_start(embedded: Make, version: int) -> None:
    said: list[str] = []
    async with embedded(version=version, report=said.append) as postgres:
        major = await ask(postgres, "create table kept (n int)", "show server_version_num")
        assert int(major) // 10_000 == version
        assert await ask(postgres, "insert into kept values (7) returning n") == 7
    assert living(postgres.directory) == []
    async with embedded(version=version, report=said.append) as postgres:
        assert await ask(postgres, "select n from kept") == 7
    assert said == [f"Making a PostgreSQL {version} database in {postgres.directory}"]


@pytest.mark.parametrize("version", [16, 18])
async def test_is_safe_and_speaks_unicode(embedded: Make, version: int) -> None:
    async with embedded(version=version) as postgres:
        for setting, value in {
            "listen_addresses": "",
            "data_checksums": "on",
            "fsync": "on",
            "server_encoding": "UTF8",
            "unix_socket_permissions": "0700",
        }.items():
            assert await ask(postgres, f"show {setting}") == value
        assert await ask(postgres, "select lower('ÄRGER')") == "ärger"
        words = await ask(postgres, "select to_tsvector('german', 'ÜBER Ärger')::text")
        assert words == "'arg':2"
        await ask(postgres, "create extension vector", "select '[1,2]'::vector <-> '[1,2]'")
        assert stat.S_IMODE(postgres.directory.stat().st_mode) == 0o700
        assert stat.S_IMODE(postgres.run_dir.stat().st_mode) == 0o700
        assert postgres.pid is not None
        assert not psutil.Process(postgres.pid).net_connections("tcp")


async def test_a_terminal_s_interrupt_does_not_reach_it(embedded: Make) -> None:
    async with embedded() as postgres:
        assert postgres.pid is not None
        assert os.getsid(postgres.pid) == postgres.pid != os.getsid(0)


async def test_a_stop_does_not_wait_for_clients(embedded: Make) -> None:
    postgres = embedded()
    await postgres.start()
    sleeper = asyncio.create_task(ask(postgres, "select pg_sleep(100000)"))
    while not await ask(
        postgres, "select count(*) from pg_stat_activity where wait_event='PgSleep'"
    ):
        await asyncio.sleep(0.05)
    await postgres.stop()
    with pytest.raises(DatabaseUnavailableError):
        await sleeper
    assert living(postgres.directory) == []
    assert postgres.pid is None


async def test_a_second_one_names_the_first(embedded: Make) -> None:
    async with embedded() as postgres:
        with pytest.raises(PostgresInUseError, match=str(os.getpid())) as caught:
            await embedded().start()
        assert caught.value.pid == os.getpid()
        assert await ask(postgres, "select 1") == 1


async def test_a_patient_one_waits_for_the_first(embedded: Make) -> None:
    said: list[str] = []
    async with embedded() as first:
        second = embedded(patience=60, report=said.append)
        starting = asyncio.create_task(second.start())
        while not said:
            await asyncio.sleep(0.01)
        assert await ask(first, "select 1") == 1
        assert second.pid is None
    await starting
    assert await ask(second, "select 1") == 1
    await second.stop()
    assert said == [f"Waiting for process {os.getpid()}, which works with {first.directory}"]


async def test_a_directory_keeps_its_major_version(embedded: Make) -> None:
    async with embedded(version=16):
        pass
    async with embedded(version=18) as postgres:
        assert int(await ask(postgres, "show server_version_num")) // 10_000 == 16


async def test_a_version_that_is_not_carried(embedded: Make, data_dir: Path) -> None:
    directory = data_dir / "postgres"
    directory.mkdir()
    (directory / "PG_VERSION").write_text("15\n")
    os.chown(directory, *_unprivileged())
    with pytest.raises(PostgresError, match=r"holds data of PostgreSQL 15.* 16 and 18"):
        await embedded().start()


async def test_a_directory_of_other_files_is_left_alone(embedded: Make, data_dir: Path) -> None:
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres" / "diary").write_text("mine")
    with pytest.raises(PostgresError, match="no PostgreSQL database"):
        await embedded().start()
    assert (data_dir / "postgres" / "diary").read_text() == "mine"


async def test_a_first_start_that_is_given_up_leaves_nothing(
    embedded: Make, data_dir: Path
) -> None:
    making = asyncio.Event()
    postgres = embedded(report=lambda _: making.set())
    start = asyncio.create_task(postgres.start())
    await making.wait()
    while not (data_dir / "postgres.new" / "PG_VERSION").exists():
        await asyncio.sleep(0.01)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert living(data_dir / "postgres.new") == []
    async with embedded() as postgres:
        assert await ask(postgres, "select 1") == 1


async def test_a_start_that_takes_too_long_is_given_up(embedded: Make) -> None:
    async with embedded():
        pass
    with pytest.raises(PostgresStartError, match=r"database\.start_timeout"):
        await embedded(start_timeout=0).start()
    assert living(embedded().directory) == []


async def test_a_server_that_cannot_start_says_why(embedded: Make) -> None:
    async with embedded() as postgres:
        pass
    with (postgres.directory / "postgresql.conf").open("a") as settings:
        settings.write("max_connections = many\n")
    with pytest.raises(PostgresStartError, match="max_connections") as caught:
        await embedded().start()
    assert "postgres.log" in caught.value.message


async def test_any_name_of_a_directory_will_do(data_dir: Path) -> None:
    for name in ("a \"b\" 'c' %20 & ä?#@", "a,b"):
        directory, run_dir = data_dir / name / "postgres", socket_directory(data_dir / name)
        async with EmbeddedPostgres(directory=directory, run_dir=run_dir) as postgres:
            assert await ask(postgres, "select 1") == 1


async def test_a_path_that_is_too_long_for_a_socket(data_dir: Path) -> None:
    deep = data_dir / ("d" * 60) / ("e" * 60)
    run_dir = socket_directory(deep)
    assert len(str(run_dir / SOCKET)) <= 107
    assert not run_dir.is_relative_to(deep)
    assert run_dir == socket_directory(deep) != socket_directory(deep / "other")
    async with EmbeddedPostgres(directory=deep / "postgres", run_dir=run_dir) as postgres:
        assert await ask(postgres, "select 1") == 1
    assert not run_dir.exists()


def _unprivileged() -> tuple[int, int]:
    return (65534, 65534) if os.geteuid() == 0 else (os.getuid(), os.getgid())
