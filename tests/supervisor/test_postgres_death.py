"""What a kill -9 leaves behind, and how the next start deals with it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import text

from stellwerk.data.database import Database
from stellwerk.data.errors import DatabaseUnavailableError
from stellwerk.supervisor import postgres_programs
from stellwerk.supervisor.postgres import EmbeddedPostgres
from stellwerk.supervisor.postgres_account import choose_account
from stellwerk.supervisor.postgres_cluster import server_command
from stellwerk.supervisor.postgres_errors import PostgresInUseError
from stellwerk.supervisor.postgres_leftovers import living, postmaster_file
from stellwerk.supervisor.postgres_socket import SOCKET, prepare

Make = Callable[..., EmbeddedPostgres]

PARENT = """
import asyncio, sys
from pathlib import Path
from stellwerk.supervisor.postgres import EmbeddedPostgres

async def main():
    directory, run_dir = map(Path, sys.argv[1:])
    async with EmbeddedPostgres(directory=directory, run_dir=run_dir) as postgres:
        print(postgres.dsn, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def execute(dsn: str, statement: str) -> Any:
    async with Database(dsn) as database, database.connect() as connection:
        result = await connection.execute(text(statement))
        return result.scalar() if result.returns_rows else None


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.02)


def kill_all(directory: Path) -> None:
    """Stop them all first, so that none can act on the death of another."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for process in living(directory):
            process.send_signal(number)


@contextmanager
def by_hand(postgres: EmbeddedPostgres) -> Iterator[subprocess.Popen[bytes]]:
    """A server that does not end with its parent, as another program would start it."""
    account = choose_account(None, postgres.directory)
    prepare(postgres.run_dir, account)
    tree = postgres_programs.installed()[18]
    tree = postgres_programs.reachable(tree, postgres.directory.with_name("programs"), account)
    command = server_command(tree, postgres.directory, postgres.run_dir)
    credentials = account.credentials() if account else {}
    with subprocess.Popen(command, cwd="/", stderr=subprocess.DEVNULL, **credentials) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def stranger(directory: Path) -> Iterator[int]:
    """A process of PostgreSQL's account that has nothing to do with it."""
    account = choose_account(None, directory)
    credentials = account.credentials() if account else {}
    with subprocess.Popen(["sleep", "1000"], cwd="/", **credentials) as process:
        try:
            yield process.pid
            assert process.poll() is None
        finally:
            process.kill()


@pytest.mark.parametrize("version", [16, 18])
async def test_recovers_after_all_was_killed(embedded: Make, version: int) -> None:
    postgres = embedded(version=version)
    await postgres.start()
    await execute(postgres.dsn, "create table kept as select 7 as n")
    # The steward would start it again at once.
    postgres._steward.cancel()  # type: ignore[union-attr]
    kill_all(postgres.directory)
    await until(lambda: not living(postgres.directory))
    assert (postgres.directory / "postmaster.pid").exists()
    await postgres.stop()
    said: list[str] = []
    async with embedded(report=said.append) as again:
        assert await execute(again.dsn, "select n from kept") == 7
    assert living(postgres.directory) == []
    assert any(line.startswith("PostgreSQL recovers: ") for line in said)


async def test_is_started_again_when_it_dies(embedded: Make) -> None:
    async with embedded() as postgres, Database(postgres.dsn) as database:
        async with database.begin() as connection:
            await connection.execute(text("create table kept as select 7 as n"))
        first = postgres.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: postgres.pid not in {None, first})
        async with asyncio.timeout(60):
            while True:
                try:
                    async with database.connect() as connection:
                        assert await connection.scalar(text("select n from kept")) == 7
                    break
                except DatabaseUnavailableError:
                    await asyncio.sleep(0.05)
    assert living(postgres.directory) == []


async def test_ends_with_its_parent(embedded: Make) -> None:
    postgres = embedded()
    command = [sys.executable, "-c", PARENT, str(postgres.directory), str(postgres.run_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        dsn = (await asyncio.to_thread(parent.stdout.readline)).decode().strip()
        await execute(dsn, "create table kept as select 7 as n")
        with pytest.raises(PostgresInUseError, match=str(parent.pid)):
            await embedded().start()
        assert living(postgres.directory)
        parent.kill()
    await until(lambda: not living(postgres.directory))
    async with embedded() as again:
        assert await execute(again.dsn, "select n from kept") == 7


async def test_ends_with_a_parent_that_dies_in_the_first_start(embedded: Make) -> None:
    postgres = embedded()
    unfinished = postgres.directory.with_name("postgres.new")
    command = [sys.executable, "-c", PARENT, str(postgres.directory), str(postgres.run_dir)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as parent:
        await until((unfinished / "PG_VERSION").exists)
        children = psutil.Process(parent.pid).children(recursive=True)
        assert children
        parent.kill()
    await until(lambda: not any(child.is_running() for child in children))
    async with embedded() as again:
        assert await execute(again.dsn, "select 1") == 1
    assert not unfinished.exists()


async def test_a_server_that_was_left_behind_is_replaced(embedded: Make) -> None:
    async with embedded() as postgres:
        await execute(postgres.dsn, "create table kept as select 7 as n")
    said: list[str] = []
    with by_hand(postgres) as orphan:
        await until((postgres.run_dir / SOCKET).exists)
        async with embedded(report=said.append) as ours:
            assert orphan.poll() is not None
            assert ours.pid != orphan.pid
            assert await execute(ours.dsn, "select n from kept") == 7
    assert said == ["Stopping a PostgreSQL that an earlier run left behind"]


async def test_backends_without_their_postmaster_do_not_bar_a_start(embedded: Make) -> None:
    async with embedded() as postgres:
        pass
    with by_hand(postgres) as orphan:
        await until(lambda: len(living(postgres.directory)) > 4)
        # A backend that is stopped cannot notice the end, and keeps the shared memory.
        others = [found for found in living(postgres.directory) if found.pid != orphan.pid]
        others[0].send_signal(signal.SIGSTOP)
        orphan.kill()
    async with embedded() as again:
        assert await execute(again.dsn, "select 1") == 1
        assert others[0].pid not in {process.pid for process in living(again.directory)}


async def test_a_stranger_with_the_old_number_is_left_alone(embedded: Make) -> None:
    async with embedded() as postgres:
        pass
    with by_hand(postgres) as server:
        await until((postgres.run_dir / SOCKET).exists)
        kill_all(postgres.directory)
    with stranger(postgres.directory) as pid:
        for file in (postgres.directory / "postmaster.pid", postgres.run_dir / f"{SOCKET}.lock"):
            lines = file.read_text().splitlines()
            assert lines[0] == str(server.pid)
            file.write_text("\n".join([str(pid), *lines[1:]]) + "\n")
        async with embedded() as again:
            assert await execute(again.dsn, "select 1") == 1


async def test_a_person_at_work_in_single_user_mode_is_not_disturbed(embedded: Make) -> None:
    async with embedded() as postgres:
        pass
    account = choose_account(None, postgres.directory)
    tree = postgres_programs.installed()[18]
    tree = postgres_programs.reachable(tree, postgres.directory.with_name("programs"), account)
    server = str(tree / "bin" / "postgres")
    command = [server, "--single", "-D", str(postgres.directory), "postgres"]
    credentials = account.credentials() if account else {}
    with subprocess.Popen(
        command,
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **credentials,
    ) as single:
        await until(lambda: postmaster_file(postgres.directory)[:1] == [f"-{single.pid}"])
        with pytest.raises(PostgresInUseError, match=str(single.pid)):
            await embedded().start()
        assert single.poll() is None
        single.communicate()
    async with embedded() as again:
        assert await execute(again.dsn, "select 1") == 1
