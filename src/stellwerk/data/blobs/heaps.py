"""Heaps: the bytes of one thing, in pieces below one prefix of the store.

A heap is an orphan, by a row in the database, before its first byte is written and until the
transaction that makes its owner. So whatever is cut or killed in between, its bytes are found again
and cleared away; and no owner is ever without its bytes. Pieces are objects of their own, because a
half-written multipart upload of an object store can be neither listed nor removed by its key.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from stellwerk.base.errors import UnavailableError
from stellwerk.base.log import get_logger
from stellwerk.data.blobs.errors import HeapLostError
from stellwerk.data.blobs.store import Blobs
from stellwerk.data.blobs.tables import orphans
from stellwerk.data.database import Database

log = get_logger("blobs")

PIECE = 8 * 2**20
# An orphan that is being written is touched this often (seconds), and is safe for that long.
TOUCH, LEASE = 30, timedelta(seconds=180)
AT_ONCE = 10

Piece = tuple[str, int]


class Writer:
    """Takes the bytes of one heap. `pieces` are (key, bytes), `sha256` is that of all bytes."""

    def __init__(self, heaps: "Heaps", name: str) -> None:
        self.name = name
        self.size = 0
        self.pieces: list[Piece] = []
        self._heaps = heaps
        self._hash = hashlib.sha256()
        self._rest = bytearray()
        self._touched = asyncio.get_running_loop().time()

    @property
    def sha256(self) -> bytes:
        return self._hash.digest()

    async def write(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self._hash.update(chunk)
        self._rest += chunk
        while len(self._rest) >= PIECE:
            piece = bytes(self._rest[:PIECE])
            del self._rest[:PIECE]
            await self._put(piece)
        now = asyncio.get_running_loop().time()
        if now - self._touched > TOUCH:
            self._touched = now
            await self._heaps.mark(self.name)

    async def add(self, data: bytes) -> str:
        """Write a piece that is to be read by itself; gives its key."""
        self.size += len(data)
        await self._put(data)
        return self.pieces[-1][0]

    async def finish(self) -> None:
        """Write what is left. The heap is an orphan still: adopt it."""
        if self._rest:
            await self._put(bytes(self._rest))
            self._rest.clear()

    async def _put(self, piece: bytes) -> None:
        key = f"{self.name}/{len(self.pieces):06d}"
        await self._heaps.blobs.put(key, piece)
        self.pieces.append((key, len(piece)))


class Heaps:
    """Writes, reads and clears heaps."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self.blobs = blobs
        self._database = database

    @asynccontextmanager
    async def write(self, name: str) -> AsyncIterator[Writer]:
        """A new heap. Adopt it before the context ends, or it will be cleared away."""
        await self.mark(name)
        try:
            yield Writer(self, name)
        except Exception:
            await self.tidy([name])
            raise

    async def mark(self, name: str) -> None:
        """The heap is an orphan and someone works on it."""
        async with self._database.connect() as connection:
            await _orphan(connection, [name], LEASE)

    async def tidy(self, names: Sequence[str]) -> None:
        """Clear away what are orphans of these heaps; what cannot be now is left to the sweep.

        A heap is no orphan if it was adopted and only the answer of the commit was lost.
        """
        try:
            await self.clear(names)
        except UnavailableError as error:
            log.warning("heaps are left to the sweep", heaps=len(names), reason=error.message)

    async def clear(self, names: Sequence[str]) -> int:
        """Clear away those of the heaps that are orphans. How many were."""
        async with self._database.begin() as connection:
            query = select(orphans.c.heap).where(orphans.c.heap.in_(names))
            found = list(await connection.scalars(query.with_for_update(skip_locked=True)))
            for name in found:
                await self.blobs.clear(name)
            await connection.execute(delete(orphans).where(orphans.c.heap.in_(found)))
        return len(found)

    async def sweep(self) -> int:
        """Clear away every orphan that nobody works on. Any number of processes may do it."""
        due = select(orphans.c.heap).where(orphans.c.due_at <= func.now()).limit(AT_ONCE)
        cleared = 0
        while True:
            async with self._database.connect() as connection:
                names = list(await connection.scalars(due))
            done = await self.clear(names) if names else 0
            cleared += done
            if done == 0:
                return cleared

    async def sweep_now(self) -> None:
        """Clear away what was just given up; what cannot be now is left to the next sweep."""
        try:
            await self.sweep()
        except UnavailableError as error:
            log.warning("heaps are left to the sweep", reason=error.message)

    async def read(self, pieces: Sequence[Piece], start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to, and without, `end`, piece by piece."""
        offset = 0
        for key, size in pieces:
            first, last = max(start - offset, 0), min(end - offset, size)
            if first < last:
                yield await self.blobs.get(key, first, last)
            offset += size


async def adopt(connection: AsyncConnection, name: str) -> None:
    """The heap has an owner if the transaction commits. Raises `HeapLostError`."""
    statement = delete(orphans).where(orphans.c.heap == name).returning(orphans.c.heap)
    if await connection.scalar(statement) is None:
        raise HeapLostError("The upload paused for too long. Send it again.")


async def abandon(connection: AsyncConnection, pieces: Sequence[Piece]) -> list[str]:
    """The heaps of these pieces have no owner any more if the transaction commits."""
    names = list(dict.fromkeys(key.rpartition("/")[0] for key, _ in pieces))
    if names:
        await _orphan(connection, names, timedelta(0))
    return names


async def _orphan(connection: AsyncConnection, names: Sequence[str], lease: timedelta) -> None:
    rows = [{"heap": name, "due_at": func.now() + lease} for name in names]
    statement = upsert(orphans).values(rows)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["heap"], set_={"due_at": statement.excluded.due_at}
        )
    )
