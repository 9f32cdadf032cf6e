"""What is lost when processes and lines die: an interval. What is written twice: nothing."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from prometheus_client import CollectorRegistry
from sqlalchemy import text

from stellwerk.base.settings import UsageSettings
from stellwerk.data.database import Database
from stellwerk.features.usage.metrics import UsageMetrics
from stellwerk.features.usage.recorder import Recorder
from stellwerk.features.usage.spool import Spool
from stellwerk.features.usage.types import Batch
from stellwerk.migrations import upgrade
from stellwerk.supervisor.postgres import EmbeddedPostgres
from tests.features.usage.rows import counted, request_ids, row

Make = Callable[..., Recorder]

# Seconds that a flush may take where all processors are busy.
SLOW_MACHINE = 2.0

TERMINATE = text("""
    select count(pg_terminate_backend(pid)) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()
""")


@asynccontextmanager
async def recording(
    dsn: str, directory: Path, interval: float, rows: int
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that records; killed at the end."""
    arguments = ("-m", "tests.features.usage.recording", dsn, str(directory), str(interval))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, str(rows), stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_kill_loses_no_more_than_the_interval(database: Database, tmp_path: Path) -> None:
    async with recording(database.dsn, tmp_path, 0.25, 100_000) as process:
        assert process.stdout is not None
        lines = [await process.stdout.readline()]
        first = float(lines[0])
        while float(lines[-1]) < first + 5:
            lines.append(await process.stdout.readline())
        process.kill()
        lines += [line async for line in process.stdout if line.endswith(b"\n")]
        await process.wait()
    kept = sorted(int(one.removeprefix("req_")) for one in await request_ids(database))
    # The first ones, without a gap; the time since the last of them was in memory.
    assert kept == list(range(len(kept)))
    lost = float(lines[-1]) - float(lines[len(kept) - 1])
    assert len(kept) > 0
    assert lost < 0.25 + SLOW_MACHINE


async def test_a_batch_counts_once_however_often_its_writers_are_killed(
    database: Database, tmp_path: Path
) -> None:
    spool = Spool(tmp_path, uuid4(), 2**30)
    for number in range(200):
        rows = [row(number * 5 + one) for one in range(5)]
        assert spool.append(Batch(spool.writer, number + 1, rows))
    spool.close()
    for least in (1, 400):
        async with recording(database.dsn, tmp_path, 0.02, 0):
            while await counted(database) < least:
                await asyncio.sleep(0.01)
    async with recording(database.dsn, tmp_path, 0.02, 0):
        while list(tmp_path.glob("*.spool")):
            await asyncio.sleep(0.02)
    kept = await request_ids(database)
    assert len(kept) == len(set(kept)) == 1_000
    assert await counted(database) == 1_000


async def test_lines_that_break_at_any_moment(database: Database, recorder: Make) -> None:
    recorded = 0
    async with (
        Database(database.dsn) as other,
        recorder(flush_interval=0.01).running() as alive,
        other.connect() as connection,
    ):
        for _ in range(60):
            for _ in range(10):
                alive.record(row(recorded))
                recorded += 1
                await asyncio.sleep(0.001)
            await connection.execute(TERMINATE)
    async with recorder(flush_interval=0.01).running():
        while await counted(database) < recorded:
            await asyncio.sleep(0.02)
    kept = await request_ids(database)
    assert len(kept) == len(set(kept)) == recorded == 600


async def test_the_server_goes_and_comes_back(
    embedded: Callable[..., EmbeddedPostgres], tmp_path: Path
) -> None:
    registry = CollectorRegistry()
    settings, metrics = UsageSettings(flush_interval=0.05), UsageMetrics(registry)

    def spooled() -> float:
        return registry.get_sample_value("stellwerk_usage_rows_total", {"outcome": "spooled"}) or 0

    async with embedded() as postgres:
        await upgrade(postgres.dsn)
        database = Database(postgres.dsn)
        running = Recorder(database, tmp_path, settings, metrics).running()
        recorder = await running.__aenter__()
        recorder.record(row(0))
        while await request_ids(database) != ["req_0"]:
            await asyncio.sleep(0.02)
        await database.close()
    for number in range(1, 50):
        recorder.record(row(number))
        await asyncio.sleep(0.01)
    while spooled() < 49:
        await asyncio.sleep(0.02)
    async with embedded():
        while await counted(database) < 50:
            await asyncio.sleep(0.02)
        recorder.record(row(50))
        await running.__aexit__(None, None, None)
        kept = await request_ids(database)
        await database.close()
    assert kept == sorted(f"req_{number}" for number in range(51))
    assert list(tmp_path.iterdir()) == []
