"""Indexes for large stores.

A small store is searched exactly, which costs some milliseconds for each 10,000 vectors. A large
one gets an HNSW index of its own (Malkov and Yashunin, 2018; pgvector), over its rows alone: other
stores' vectors are not in the way, and a filter still finds enough. It is built by a sweep beside
everything else, and PostgreSQL uses it as soon as it is there: the question is the same.
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import Column, ColumnElement, Table, cast, func, literal, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from stellwerk.base.log import get_logger
from stellwerk.data.database import Database
from stellwerk.data.errors import driver_error, first_line, lost
from stellwerk.data.locks import Lock
from stellwerk.features.stores.service import STORE_ID
from stellwerk.features.stores.tables import chunks, page_vectors, store_files, stores

log = get_logger("stores")

# Vectors from which on a store is large, and the bytes that it has at least by then.
LARGE, LEAST_BYTES = 20_000, 10_000_000
NEIGHBOURS, BUILT_WITH = 16, 128
# Vectors of an index that a search with a filter goes through.
SCANNED = 20_000
# The longest vectors that HNSW takes as 16-bit floats; stores of longer ones stay exact.
WIDEST = 4000
# PostgreSQL's settings while it builds; it takes as much as it needs.
BUILDING = {"maintenance_work_mem": "512MB", "max_parallel_maintenance_workers": "0"}
NAME = re.compile(r"hnsw_(chunks|pages)_([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class Kind:
    """What is indexed: a table, the column of `stores` with the vectors' length, a short name."""

    name: str
    table: Table
    width: Column[Any]


CHUNKS = Kind("chunks", chunks, stores.c.width)
PAGES = Kind("pages", page_vectors, stores.c.vision_width)
KINDS = (CHUNKS, PAGES)


def in_store(table: Table, store_id: str) -> ColumnElement[bool]:
    """The store's rows, in words by which PostgreSQL knows the store's index."""
    if not STORE_ID.fullmatch(store_id):
        raise ValueError(store_id)
    return table.c.store_id == literal(store_id, literal_execute=True)


def distance(table: Table, vector: Any, width: int) -> ColumnElement[float]:
    """Cosine distance, in words by which PostgreSQL knows the store's index."""
    measured: ColumnElement[float] = cast(table.c.embedding, HALFVEC(width)).cosine_distance(vector)
    return measured


async def look_widely(connection: AsyncConnection, nearest: int, *, filtered: bool) -> None:
    """For the transaction: go through enough of an index to find so many, filters or not.

    Without a filter an index that is there is used. PostgreSQL thinks that few rows pass the join
    with the files, so that it would have to go through all of it, and compares every row instead.
    """
    settings = {
        "hnsw.ef_search": str(min(max(nearest, 100), 1000)),
        "hnsw.iterative_scan": "relaxed_order",
        "hnsw.max_scan_tuples": str(SCANNED),
    }
    if not filtered:
        settings["enable_sort"] = "off"
    await _set(connection, settings)


async def found_too_few(
    connection: AsyncConnection, kind: Kind, store_id: str, looked: int, nearest: int
) -> bool:
    """Whether an index may have missed what a filter lets pass.

    It gives up after `SCANNED` vectors. A filter may want those that are all farther away.
    """
    if looked >= nearest:
        return False
    name = func.to_regclass(f"hnsw_{kind.name}_{store_id[3:]}")
    return bool(await connection.scalar(select(name.is_not(None))))


async def look_exactly(connection: AsyncConnection) -> None:
    """For the transaction: use no such index. It serves ordered scans alone."""
    settings = {"enable_indexscan": "off", "plan_cache_mode": "force_custom_plan"}
    await _set(connection, settings)


async def _set(connection: AsyncConnection, settings: Mapping[str, str]) -> None:
    await connection.execute(
        select(*(func.set_config(name, value, True) for name, value in settings.items()))
    )


async def keep_indexes(database: Database) -> None:
    """Build the indexes that are missing, and drop those of stores that are gone."""
    async with database.connect() as connection:
        if not await connection.scalar(select(func.pg_try_advisory_lock(Lock.STORE_INDEXES.value))):
            return
        try:
            await _drop_stale(connection)
            for kind in KINDS:
                for store_id, width in await _missing(connection, kind):
                    await _tried(connection, kind, store_id, width)
        finally:
            await connection.execute(select(func.pg_advisory_unlock(Lock.STORE_INDEXES.value)))


async def _tried(connection: AsyncConnection, kind: Kind, store_id: str, width: int) -> None:
    """Build it. A store that gets none is searched exactly, and the others go on."""
    try:
        await build(connection, kind, store_id, width)
    except DBAPIError as error:
        if lost(error) is not None:
            raise
        reason = first_line(driver_error(error))
        log.warning("a large store has no index", store=store_id, of=kind.name, reason=reason)


async def _missing(connection: AsyncConnection, kind: Kind) -> list[tuple[str, int]]:
    size = func.sum(store_files.c.usage_bytes)
    heavy = (
        select(stores.c.id, kind.width)
        .join(store_files, store_files.c.store_id == stores.c.id)
        .where(kind.width <= WIDEST, _unindexed(kind))
        .group_by(stores.c.id)
        .having(size >= LEAST_BYTES)
    )
    found = []
    for store_id, width in (await connection.execute(heavy)).all():
        rows = select(func.count()).where(kind.table.c.store_id == store_id)
        if (await connection.scalar(rows) or 0) >= LARGE:
            found.append((store_id, width))
    return found


def _unindexed(kind: Kind) -> ColumnElement[bool]:
    name = literal(f"hnsw_{kind.name}_") + func.substr(stores.c.id, 4)
    return func.to_regclass(name).is_(None)


async def build(connection: AsyncConnection, kind: Kind, store_id: str, width: int) -> None:
    """Index one store, beside all other work. The connection must have no transaction."""
    if not STORE_ID.fullmatch(store_id):
        raise ValueError(store_id)
    log.info("a large store gets an index", store=store_id, of=kind.name)
    async with _much_memory(connection):
        await _create(connection, kind, store_id, width)


@asynccontextmanager
async def _much_memory(connection: AsyncConnection) -> AsyncIterator[None]:
    """A graph that does not fit into memory is built many times slower.

    Without helpers: they would share it, and containers have little shared memory.
    """
    for name, value in BUILDING.items():
        await connection.execute(select(func.set_config(name, value, False)))
    try:
        yield
    finally:
        for name in BUILDING:
            await connection.execute(text(f"reset {name}"))


async def _create(connection: AsyncConnection, kind: Kind, store_id: str, width: int) -> None:
    expression = f"(embedding::halfvec({int(width)})) halfvec_cosine_ops"
    # Names and lengths cannot be parameters of such a statement; both are checked.
    await connection.execute(
        text(
            f"create index concurrently if not exists hnsw_{kind.name}_{store_id[3:]} "
            f"on {kind.table.name} using hnsw ({expression}) "
            f"with (m = {NEIGHBOURS}, ef_construction = {BUILT_WITH}) "
            f"where store_id = '{store_id}'"
        )
    )


async def _drop_stale(connection: AsyncConnection) -> None:
    """Indexes of stores that are gone, and those whose build was cut."""
    query = text(
        "select c.relname from pg_class c join pg_index i on i.indexrelid = c.oid "
        "where c.relname ~ '^hnsw_(chunks|pages)_[0-9a-f]{32}$' "
        "and c.relnamespace = current_schema()::regnamespace "
        "and (not i.indisvalid or not exists (select from vector_stores s "
        "where s.id = 'vs_' || right(c.relname, 32)))"
    )
    names = [name for name in await connection.scalars(query) if NAME.fullmatch(name)]
    for name in names:
        await connection.execute(text(f"drop index concurrently if exists {name}"))
