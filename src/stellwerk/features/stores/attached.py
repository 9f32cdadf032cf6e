"""The files in vector stores. The batches in which they came are in `file_batches`.

A file is put in by two rows of one transaction: the one that says where it stands, and the one of
the queue that makes a worker ingest it.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from stellwerk.base.errors import InvalidRequestError
from stellwerk.data.blobs.heaps import Heaps
from stellwerk.data.database import Database
from stellwerk.features.files.service import living as not_ended
from stellwerk.features.files.service import unknown as unknown_file
from stellwerk.features.files.tables import files
from stellwerk.features.files.types import FILE_ID
from stellwerk.features.keys.types import Principal
from stellwerk.features.queue.submit import submit
from stellwerk.features.queue.tables import requests
from stellwerk.features.queue.types import NewRequest
from stellwerk.features.stores.errors import UnknownStoreFileError
from stellwerk.features.stores.service import (
    Order,
    ends,
    living,
    one,
    paged,
    unknown,
)
from stellwerk.features.stores.tables import batches, chunks, pages, store_files, stores
from stellwerk.features.stores.types import (
    CHARACTERS_PER_TOKEN,
    Chunking,
    FileError,
    NewStoreFile,
    StaticStrategy,
    Status,
    StoreFile,
    StoreFilePage,
)

INGEST = "ingest"
# Each goes on where the one before it was ended.
ATTEMPTS = 5
ENDED = ("completed", "failed", "cancelled")


class IngestOrder(msgspec.Struct, frozen=True):
    """The body of the queue's row."""

    store_id: str
    file_id: str


class Attached:
    """Puts files into stores, shows them there, and takes them out."""

    def __init__(self, database: Database, heaps: Heaps) -> None:
        self.database = database
        self._heaps = heaps

    async def attach(
        self,
        connection: AsyncConnection,
        caller: Principal,
        store_id: str,
        new: Sequence[NewStoreFile],
        batch_id: str | None = None,
    ) -> None:
        """Put files in, as part of a transaction. One that is there is ingested anew.

        Raises `UnknownStoreError`, `UnknownFileError` and `StoreExpiredError`.
        """
        store = await living(connection, caller.project_id, store_id, hold=True)
        await _check_files(connection, caller.project_id, [one.file_id for one in new])
        orders = [self._order(caller, store.model, store_id, one.file_id) for one in new]
        pairs = zip(new, orders, strict=True)
        if batch_id is not None:
            await connection.execute(insert(batches).values(id=batch_id, store_id=store_id))
        # In one order everywhere, so that nobody waits for one who waits for them.
        for file, order in sorted(pairs, key=lambda pair: pair[0].file_id):
            await connection.execute(_attachment(store_id, file, order.id, batch_id))
        # From here on no earlier ingest of them can write any more.
        await clear(connection, store_id, [one.file_id for one in new])
        await submit(connection, orders)

    @staticmethod
    def _order(caller: Principal, model: str, store_id: str, file_id: str) -> NewRequest:
        return NewRequest(
            key_id=caller.key_id,
            project_id=caller.project_id,
            operation=INGEST,
            model=model,
            body=msgspec.json.encode(IngestOrder(store_id, file_id)),
            max_attempts=ATTEMPTS,
        )

    async def get(self, project_id: str, store_id: str, file_id: str) -> StoreFile:
        """Raises `UnknownStoreError` and `UnknownStoreFileError`."""
        async with self.database.connect() as connection:
            return shown(await _one(connection, project_id, store_id, file_id))

    async def page(
        self,
        project_id: str,
        store_id: str,
        *,
        batch_id: str | None = None,
        status: Status | None = None,
        after: str | None = None,
        before: str | None = None,
        limit: int = 20,
        order: Order = "desc",
    ) -> StoreFilePage:
        """A page of the files of a store, or of a batch, by the files' age."""
        query = select(store_files).where(store_files.c.store_id == store_id)
        if batch_id is not None:
            query = query.where(store_files.c.batch_id == batch_id)
        if status is not None:
            query = query.where(store_files.c.status == status)
        for name, param in ((after, "after"), (before, "before")):
            if name is not None and not FILE_ID.fullmatch(name):
                raise InvalidRequestError(f"`{param}` is not the id of a file.", param=param)
        query = paged(query, store_files.c.file_id, after, before, order)
        async with self.database.connect() as connection:
            await check_store(connection, project_id, store_id)
            rows = (await connection.execute(query.limit(limit + 1))).all()
        found = [shown(row) for row in rows[:limit]]
        return StoreFilePage(data=found, **ends(found), has_more=len(rows) > limit)

    async def change(
        self, project_id: str, store_id: str, file_id: str, attributes: dict[str, Any]
    ) -> StoreFile:
        """Give a file other attributes."""
        async with self.database.begin() as connection:
            await _one(connection, project_id, store_id, file_id)
            statement = update(store_files).where(_this(store_id, file_id))
            changed = statement.values(attributes=attributes).returning(store_files)
            return shown((await connection.execute(changed)).one())

    async def detach(self, project_id: str, store_id: str, file_id: str) -> None:
        """Take a file out of a store with all its chunks. The file itself stays."""
        async with self.database.begin() as connection:
            await check_store(connection, project_id, store_id)
            statement = delete(store_files).where(_this(store_id, file_id))
            if await connection.scalar(statement.returning(store_files.c.file_id)) is None:
                raise unknown_in_store(file_id)
        await self._heaps.sweep_now()

    async def texts(self, project_id: str, store_id: str, file_id: str) -> list[str]:
        """The chunks of a file, in order."""
        async with self.database.connect() as connection:
            await _one(connection, project_id, store_id, file_id)
            query = select(chunks.c.text).where(
                chunks.c.store_id == store_id, chunks.c.file_id == file_id
            )
            return list(await connection.scalars(query.order_by(chunks.c.page, chunks.c.id)))

    async def reconcile(self) -> None:
        """Tell of files whose ingest has ended in the queue without saying so: its workers died."""
        alive = select(requests.c.id).where(
            requests.c.id == store_files.c.request_id,
            requests.c.state.not_in(["completed", "failed", "cancelled"]),
        )
        statement = update(store_files).where(
            store_files.c.status == "in_progress", ~alive.exists()
        )
        message = "The ingest was given up. Put the file in again."
        told = statement.values(
            status="failed", error_code="server_error", error_message=message, usage_bytes=0
        )
        ended = told.returning(store_files.c.store_id, store_files.c.file_id)
        async with self.database.begin() as connection:
            for store_id, file_id in (await connection.execute(ended)).all():
                await clear(connection, store_id, [file_id])


async def clear(connection: AsyncConnection, store_id: str, names: Sequence[str]) -> None:
    """Take out what was read of these files."""
    for table in (chunks, pages):
        here = (table.c.store_id == store_id) & table.c.file_id.in_(names)
        await connection.execute(delete(table).where(here))


def _attachment(store_id: str, file: NewStoreFile, request_id: str, batch_id: str | None) -> Any:
    size, overlap = (file.chunking_strategy or Chunking()).characters()
    values = {
        "store_id": store_id,
        "file_id": file.file_id,
        "batch_id": batch_id,
        "status": "in_progress",
        "error_code": None,
        "error_message": None,
        "attributes": file.attributes or {},
        "chunk_size": size,
        "chunk_overlap": overlap,
        "usage_bytes": 0,
        "pages_done": 0,
        "pages": None,
        "request_id": request_id,
    }
    statement = upsert(store_files).values(values)
    return statement.on_conflict_do_update(
        index_elements=["store_id", "file_id"], set_=values | {"created_at": func.now()}
    )


async def _check_files(connection: AsyncConnection, project_id: str, names: Sequence[str]) -> None:
    """Raise for the first that is no file of the project."""
    plain = [name for name in names if FILE_ID.fullmatch(name)]
    here = (files.c.project_id == project_id) & not_ended()
    query = select(files.c.id).where(files.c.id.in_(plain), here)
    # Nobody may delete one before the rows that speak of it are there.
    found = set(await connection.scalars(query.with_for_update(read=True, key_share=True)))
    for name in names:
        if name not in found:
            raise unknown_file(name)
    if len(set(names)) < len(names):
        raise InvalidRequestError("A file is named twice.", param="file_ids")


async def check_store(connection: AsyncConnection, project_id: str, store_id: str) -> None:
    if await connection.scalar(select(stores.c.id).where(one(project_id, store_id))) is None:
        raise unknown(store_id)


async def _one(
    connection: AsyncConnection, project_id: str, store_id: str, file_id: str
) -> Row[Any]:
    await check_store(connection, project_id, store_id)
    query = select(store_files).where(_this(store_id, file_id))
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise unknown_in_store(file_id)
    return row


def _this(store_id: str, file_id: str) -> ColumnElement[bool]:
    if not FILE_ID.fullmatch(file_id):
        raise unknown_in_store(file_id)
    return (store_files.c.store_id == store_id) & (store_files.c.file_id == file_id)


def unknown_in_store(file_id: str) -> UnknownStoreFileError:
    message = f"There is no file {file_id!r} in this vector store."
    return UnknownStoreFileError(message, param="file_id")


def shown(row: Any) -> StoreFile:
    """A row of `vector_store_files` as the API shows it."""
    sizes = {
        "max_chunk_size_tokens": row.chunk_size // CHARACTERS_PER_TOKEN,
        "chunk_overlap_tokens": row.chunk_overlap // CHARACTERS_PER_TOKEN,
    }
    error = None
    if row.error_code:
        error = FileError(code=row.error_code, message=row.error_message)
    return StoreFile(
        id=row.file_id,
        created_at=int(row.created_at.timestamp()),
        vector_store_id=row.store_id,
        status=row.status,
        last_error=error,
        usage_bytes=row.usage_bytes,
        attributes=row.attributes,
        chunking_strategy=StaticStrategy(static=sizes),
        pages_done=row.pages_done,
        pages=row.pages,
    )
