import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from stellwerk.data.database import Database
from stellwerk.features.usage.recorder import Recorder
from tests.features.usage.rows import counted, request_ids, row

Make = Callable[..., Recorder]

PARTITIONS = """
    select relname from pg_class
    where relname like 'usage_day_%' and relkind = 'r' order by 1
"""
NOBODY = "postgresql://me@127.0.0.1:1/nobody"


def outcome(registry: CollectorRegistry, name: str) -> float:
    return registry.get_sample_value("stellwerk_usage_rows_total", {"outcome": name}) or 0


async def test_what_is_recorded_is_written_by_itself(database: Database, recorder: Make) -> None:
    async with recorder(flush_interval=0.05).running() as recording:
        recording.record(row(1))
        while await request_ids(database) != ["req_1"]:
            await asyncio.sleep(0.02)


async def test_every_field_arrives(database: Database, recorder: Make) -> None:
    sent = row(7, first_byte_ms=None, status=499, estimated=True, stream=False, time=1.75e9 + 0.25)
    async with recorder().running() as recording:
        recording.record(sent)
    async with database.connect() as connection:
        kept = (await connection.execute(text("select * from usage"))).one()._asdict()
    moment = kept.pop("time")
    assert moment == datetime.fromtimestamp(sent.time, UTC)
    assert kept == {name: getattr(sent, name) for name in kept}
    assert len(kept) == len(sent.__struct_fields__) - 1


async def test_the_end_writes_the_rest(
    database: Database, recorder: Make, registry: CollectorRegistry
) -> None:
    async with recorder(flush_interval=60).running() as recording:
        for number in range(2_500):
            recording.record(row(number))
    assert len(set(await request_ids(database))) == 2_500
    assert await counted(database) == 2_500
    assert outcome(registry, "written") == 2_500


async def test_two_processes_count_the_same_hours(database: Database, recorder: Make) -> None:
    async with AsyncExitStack() as stack:
        makers = [recorder(flush_interval=0.02) for _ in range(3)]
        recorders = [await stack.enter_async_context(one.running()) for one in makers]
        for number in range(300):
            for which, one in enumerate(recorders):
                one.record(row(number, request_id=f"{which}-{number}", key_id=f"key_{number % 9}"))
            await asyncio.sleep(0.002)
    assert len(set(await request_ids(database))) == 900
    assert await counted(database) == 900


async def test_rows_of_both_sides_of_midnight(database: Database, recorder: Make) -> None:
    midnight = datetime(2025, 3, 2, tzinfo=UTC).timestamp()
    async with recorder().running() as recording:
        for number, after in enumerate((-0.001, 0, 0.001, 86_400)):
            recording.record(row(number, time=midnight + after))
    async with database.connect() as connection:
        kept = await connection.execute(
            text("select tableoid::regclass::text, count(*) from usage group by 1 order by 1")
        )
        days = await connection.scalars(text("select hour::date from usage_hours order by 1"))
        assert [tuple(one) for one in kept] == [
            ("usage_day_20250301", 1),
            ("usage_day_20250302", 2),
            ("usage_day_20250303", 1),
        ]
        assert [str(day) for day in days] == ["2025-03-01", "2025-03-02", "2025-03-03"]


async def test_partitions_are_made_ahead_and_dropped_when_it_is_time(
    database: Database, recorder: Make
) -> None:
    now = datetime.now(UTC)
    ages = (40, 11, 9, 0)
    async with recorder(retention_days=10, totals_days=30).running() as first:
        for age in ages:
            first.record(row(age, time=(now - timedelta(days=age)).timestamp()))
    async with recorder(flush_interval=0.02, retention_days=10, totals_days=30).running():
        while len(await request_ids(database)) > 2:
            await asyncio.sleep(0.02)
    async with database.connect() as connection:
        partitions = await connection.scalars(text(PARTITIONS))
        ahead = [now + timedelta(days=day) for day in (-9, 0, 1, 2, 3)]
        assert list(partitions) == [f"usage_day_{day:%Y%m%d}" for day in ahead]
    assert await request_ids(database) == ["req_0", "req_9"]
    assert await counted(database) == 3


async def test_a_dropped_partition_is_made_again(database: Database, recorder: Make) -> None:
    day = datetime(2025, 3, 2, tzinfo=UTC).timestamp()
    recording = recorder(retention_days=3650)
    recording.record(row(1, time=day))
    await recording.flush()
    async with database.connect() as connection:
        await connection.execute(text("drop table usage_day_20250302"))
    async with recording.running():
        recording.record(row(2, time=day))
    assert await request_ids(database) == ["req_2"]


async def test_rows_wait_in_a_file_and_are_written_by_the_next_process(
    database: Database, recorder: Make, registry: CollectorRegistry, tmp_path: Path
) -> None:
    async with recorder(Database(NOBODY), flush_interval=0.02).running() as lost:
        for number in range(5):
            lost.record(row(number))
            await asyncio.sleep(0.03)
    assert len(list((tmp_path / "usage").glob("*.spool"))) == 1
    assert outcome(registry, "spooled") == 5
    async with recorder(flush_interval=0.02).running() as next_one:
        next_one.record(row(5))
        while len(await request_ids(database)) < 6:
            await asyncio.sleep(0.02)
    assert await request_ids(database) == [f"req_{number}" for number in range(6)]
    assert list((tmp_path / "usage").iterdir()) == []


async def test_what_does_not_fit_is_dropped_and_counted(
    recorder: Make, registry: CollectorRegistry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = recorder(Database(NOBODY), spool_limit=1_000)
    for number in range(20):
        recording.record(row(number))
        await recording.flush()
    async with recording.running():
        pass
    [file] = (tmp_path / "usage").iterdir()
    assert file.stat().st_size <= 1_000
    spooled, dropped = outcome(registry, "spooled"), outcome(registry, "dropped")
    assert spooled + dropped == 20
    assert 3 <= spooled <= 10
    assert "usage.spool_limit" in "".join(capsys.readouterr())


async def test_a_place_that_cannot_be_written_is_no_end(
    recorder: Make, registry: CollectorRegistry, tmp_path: Path
) -> None:
    (tmp_path / "usage").write_text("not a directory")
    async with recorder(Database(NOBODY)).running() as recording:
        recording.record(row(1))
    assert outcome(registry, "dropped") == 1


async def test_odd_rows_do_not_hold_up_others(
    database: Database, recorder: Make, registry: CollectorRegistry
) -> None:
    async with recorder().running() as recording:
        recording.record(row(1, prompt_tokens=10**30, cached_tokens=-5, cost=2**70, status=70_000))
        recording.record(row(2, request_id="\ud800\0", model="a\0b"))
        recording.record(row(3))
    async with database.connect() as connection:
        kept = await connection.execute(
            text("select model, prompt_tokens, cached_tokens, status from usage order by 1, 2 desc")
        )
        assert [tuple(one) for one in kept] == [
            ("ab", 100, 40, 200),
            ("chat", 2**31 - 1, 0, 32_767),
            ("chat", 100, 40, 200),
        ]
    assert outcome(registry, "written") == 3


async def test_a_row_that_nobody_could_keep_costs_its_batch_only(
    database: Database, recorder: Make, registry: CollectorRegistry
) -> None:
    recording = recorder(retention_days=3650)
    recording.record(row(1, time=float("nan")))
    await recording.flush()
    async with recording.running():
        recording.record(row(2))
    assert await request_ids(database) == ["req_2"]
    assert outcome(registry, "dropped") == 1
