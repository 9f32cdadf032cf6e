"""Files that came into a vector store together, as the API shows and stops them."""

import re
from typing import Any

from sqlalchemy import Row, Select, select, true, update

from stellwerk.base.ids import new_id
from stellwerk.data.blobs.heaps import Heaps
from stellwerk.data.database import Database
from stellwerk.features.stores.attached import check_store, clear
from stellwerk.features.stores.errors import UnknownStoreFileError
from stellwerk.features.stores.service import COUNTS, file_counts
from stellwerk.features.stores.tables import batches, store_files
from stellwerk.features.stores.types import Batch, Status

BATCH_ID = re.compile(r"vsfb_[0-9a-f]{32}")


class FileBatches:
    """Shows and stops batches. Their files are put in and listed by `Attached`."""

    def __init__(self, database: Database, heaps: Heaps) -> None:
        self._database = database
        self._heaps = heaps

    async def get(self, project_id: str, store_id: str, batch_id: str) -> Batch:
        """Raises `UnknownStoreError` and `UnknownStoreFileError`."""
        async with self._database.connect() as connection:
            await check_store(connection, project_id, store_id)
            row = (await connection.execute(_batch(store_id, batch_id))).one_or_none()
        if row is None:
            raise UnknownStoreFileError(f"There is no batch {batch_id!r}.", param="batch_id")
        return _shown_batch(row, store_id, batch_id)

    async def cancel(self, project_id: str, store_id: str, batch_id: str) -> Batch:
        """Stop the files of a batch that have not come to their end; what was read of them goes."""
        await self.get(project_id, store_id, batch_id)
        here = (store_files.c.store_id == store_id, store_files.c.batch_id == batch_id)
        working = select(store_files.c.file_id).where(*here, store_files.c.status == "in_progress")
        async with self._database.begin() as connection:
            ordered = working.order_by(store_files.c.file_id).with_for_update(key_share=True)
            names = list(await connection.scalars(ordered))
            stopped = update(store_files).where(*here, store_files.c.file_id.in_(names))
            await connection.execute(stopped.values(status="cancelled", pages_done=0))
            await clear(connection, store_id, names)
        await self._heaps.sweep_now()
        return await self.get(project_id, store_id, batch_id)


def new_batch_id() -> str:
    return new_id("vsfb_")


def _batch(store_id: str, batch_id: str) -> Select[Any]:
    if not BATCH_ID.fullmatch(batch_id):
        raise UnknownStoreFileError(f"There is no batch {batch_id!r}.", param="batch_id")
    mine = (store_files.c.store_id == store_id) & (store_files.c.batch_id == batch_id)
    counts = select(*COUNTS).where(mine).subquery()
    query = select(batches.c.created_at, counts).join(counts, true())
    return query.where(batches.c.id == batch_id, batches.c.store_id == store_id)


def _shown_batch(row: Row[Any], store_id: str, batch_id: str) -> Batch:
    status: Status = "completed"
    if row.in_progress:
        status = "in_progress"
    elif row.cancelled:
        status = "cancelled"
    elif row.total and row.failed == row.total:
        status = "failed"
    return Batch(
        id=batch_id,
        created_at=int(row.created_at.timestamp()),
        vector_store_id=store_id,
        status=status,
        file_counts=file_counts(row),
    )
