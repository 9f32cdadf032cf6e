"""Commands and `serve` that meet over one data directory."""

import asyncio
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from stellwerk.base.settings import Settings
from stellwerk.compose.database import embedded_postgres, open_database
from stellwerk.data.database import Database
from stellwerk.supervisor.data_directory import DataDirError
from stellwerk.supervisor.lock import serve_lock
from stellwerk.supervisor.postgres import EmbeddedPostgres

LIMIT = 100

# Opens the database and says so; the end of its input is its sign to go.
COMMAND = """
import asyncio, sys
from stellwerk.base.settings import Settings
from stellwerk.compose.database import open_database

async def run():
    async with open_database(Settings(data_dir=sys.argv[1])):
        print("open", flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(run())
"""


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return Settings(data_dir=data_dir)


async def use(settings: Settings) -> int:
    """The process number of the PostgreSQL server that a command gets to work with."""
    async with asyncio.timeout(LIMIT), open_database(settings) as database:
        return await postmaster(database)


async def postmaster(database: Database) -> int:
    async with database.connect() as connection:
        asked = text("select pg_read_file('postmaster.pid')")
        return int((await connection.execute(asked)).scalar_one().split()[0])


def serves(settings: Settings, said: list[str] | None = None) -> EmbeddedPostgres:
    """What `serve` runs."""
    postgres = embedded_postgres(settings, said.append if said is not None else lambda _: None)
    assert postgres
    return postgres


async def other_command(settings: Settings) -> asyncio.subprocess.Process:
    """Another process that has the database open."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", COMMAND, str(settings.data_dir), stdin=pipe, stdout=pipe
    )
    assert process.stdout
    assert await process.stdout.readline() == b"open\n"
    return process


async def end(process: asyncio.subprocess.Process) -> None:
    await process.communicate(b"")
    assert process.returncode == 0


async def test_commands_at_once_take_turns(settings: Settings) -> None:
    first = await other_command(settings)
    others = [asyncio.create_task(use(settings)) for _ in range(3)]
    await asyncio.sleep(0.5)
    assert not any(other.done() for other in others)
    await end(first)
    assert len(set(await asyncio.gather(*others))) == 3


async def test_a_command_works_with_the_database_of_serve(settings: Settings) -> None:
    with serve_lock(settings.data_dir):
        async with serves(settings) as postgres:
            assert await use(settings) == postgres.pid
            assert await use(settings) == postgres.pid


async def test_a_command_waits_while_serve_starts(settings: Settings) -> None:
    said: list[str] = []
    postgres = serves(settings, said)
    with serve_lock(settings.data_dir):
        starting = asyncio.create_task(postgres.start())
        while not said:
            await asyncio.sleep(0.01)
        using = asyncio.create_task(use(settings))
        await starting
        assert await using == postgres.pid
        await postgres.stop()
    assert said == [f"Making a PostgreSQL 18 database in {postgres.directory}"]


async def test_serve_waits_for_a_command_and_other_commands_for_serve(settings: Settings) -> None:
    said: list[str] = []
    first = await other_command(settings)
    with serve_lock(settings.data_dir):
        postgres = serves(settings, said)
        starting = asyncio.create_task(postgres.start())
        while not said:
            await asyncio.sleep(0.01)
        # `serve` holds the data directory, but the database is the first command's.
        using = asyncio.create_task(use(settings))
        await asyncio.sleep(0.5)
        assert not using.done()
        await end(first)
        await asyncio.gather(starting, using)
        await postgres.stop()
    assert f"process {first.pid}" in said[0]


async def test_what_cannot_be_a_data_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataDirError, match=r"file cannot be used: .*--data-dir"):
        await use(Settings(data_dir=tmp_path / "file"))
