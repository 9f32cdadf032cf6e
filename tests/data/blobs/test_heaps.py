import asyncio
import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from stellwerk.data.blobs import heaps as module
from stellwerk.data.blobs.errors import HeapLostError
from stellwerk.data.blobs.heaps import PIECE, Heaps, abandon, adopt
from stellwerk.data.blobs.store import Blobs
from stellwerk.data.blobs.tables import orphans
from stellwerk.data.database import Database


@pytest.fixture
def heaps(database: Database, blobs: Blobs) -> Heaps:
    return Heaps(database, blobs)


async def count(database: Database) -> int:
    async with database.connect() as connection:
        return await connection.scalar(select(func.count()).select_from(orphans)) or 0


async def let_the_lease_pass(database: Database) -> None:
    async with database.begin() as connection:
        await connection.execute(update(orphans).values(due_at=func.now() - timedelta(seconds=1)))


async def test_written_adopted_read(heaps: Heaps, database: Database) -> None:
    data = bytes(range(256)) * (PIECE // 256) + b"the rest"
    async with heaps.write("files/a") as writer:
        for start in range(0, len(data), 1_000_003):
            await writer.write(data[start : start + 1_000_003])
        await writer.finish()
        async with database.begin() as connection:
            await adopt(connection, "files/a")
    assert [size for _, size in writer.pieces] == [PIECE, 8]
    assert writer.sha256 == hashlib.sha256(data).digest()
    await let_the_lease_pass(database)
    assert await heaps.sweep() == 0
    for start, end in [(0, len(data)), (PIECE - 2, PIECE + 3), (PIECE, PIECE + 8), (5, 5)]:
        read = b"".join([chunk async for chunk in heaps.read(writer.pieces, start, end)])
        assert read == data[start:end]


async def test_a_failure_clears_what_was_written(heaps: Heaps, database: Database) -> None:
    async def fail() -> None:
        async with heaps.write("files/a") as writer:
            await writer.write(bytes(PIECE))
            assert await heaps.blobs.keys() == ["files/a/000000"]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert (await heaps.blobs.keys(), await count(database)) == ([], 0)


async def test_a_failure_after_the_adoption_clears_nothing(
    heaps: Heaps, database: Database
) -> None:
    async def fail() -> None:
        async with heaps.write("files/a") as writer:
            await writer.write(b"x")
            await writer.finish()
            async with database.begin() as connection:
                await adopt(connection, "files/a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await heaps.blobs.keys() == ["files/a/000000"]


async def test_the_sweep_waits_for_the_lease(heaps: Heaps, database: Database) -> None:
    async with heaps.write("files/a") as writer:
        await writer.write(b"x")
        await writer.finish()
    assert await heaps.sweep() == 0
    await let_the_lease_pass(database)
    assert await heaps.sweep() == 1
    assert await heaps.blobs.keys() == []
    with pytest.raises(HeapLostError):
        async with database.begin() as connection:
            await adopt(connection, "files/a")


async def test_a_slow_writer_keeps_its_lease(
    heaps: Heaps, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TOUCH", -1)
    async with heaps.write("files/a") as writer:
        await let_the_lease_pass(database)
        await writer.write(b"x")
        assert await heaps.sweep() == 0


async def test_many_sweeps_at_once(heaps: Heaps, database: Database) -> None:
    pieces = [(f"files/{number}/000000", 1) for number in range(30)]
    for key, _ in pieces:
        await heaps.blobs.put(key, b"x")
    async with database.begin() as connection:
        await abandon(connection, pieces)
    cleared = await asyncio.gather(*(heaps.sweep() for _ in range(4)))
    assert (sum(cleared), await heaps.blobs.keys(), await count(database)) == (30, [], 0)
