"""The vector stores of all projects. Every method takes the project whose stores it may see."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, Select, delete, func, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from stellwerk.base.errors import InvalidRequestError
from stellwerk.base.ids import new_id
from stellwerk.data.blobs.heaps import Heaps
from stellwerk.data.database import Database
from stellwerk.features.stores.errors import StoreExpiredError, UnknownStoreError
from stellwerk.features.stores.tables import store_files, stores
from stellwerk.features.stores.types import (
    FileCounts,
    Life,
    NewStore,
    Status,
    Store,
    StoreChanges,
    StoreModels,
    StorePage,
)

STORE_ID = re.compile(r"vs_[0-9a-f]{32}")
Order = Literal["asc", "desc"]

# A store is used often; its last use is written down this often.
ACTIVE = timedelta(minutes=1)
EXPIRES = stores.c.last_active_at + func.make_interval(0, 0, 0, stores.c.expires_after)


def counted(status: Status) -> ColumnElement[int]:
    return func.count().filter(store_files.c.status == status).label(status)


COUNTS = [
    *(counted(status) for status in ("in_progress", "completed", "failed", "cancelled")),
    func.count().label("total"),
    func.coalesce(func.sum(store_files.c.usage_bytes), 0).label("usage_bytes"),
]


class Stores:
    """Makes, shows, changes and deletes stores. `heaps` hold the pictures of their pages."""

    def __init__(self, database: Database, heaps: Heaps) -> None:
        self.database = database
        self._heaps = heaps

    async def create(
        self, connection: AsyncConnection, project_id: str, new: NewStore, models: StoreModels
    ) -> str:
        """Insert a store; gives its id."""
        store_id = new_id("vs_")
        values = {
            "id": store_id,
            "project_id": project_id,
            "name": new.name,
            "description": new.description,
            "metadata": new.metadata or {},
            "model": models.text,
            "vision_model": models.vision,
            "expires_after": new.expires_after.days if new.expires_after else None,
        }
        await connection.execute(insert(stores).values(values))
        return store_id

    async def get(self, project_id: str, store_id: str) -> Store:
        """Raises `UnknownStoreError`, also for a store of another project."""
        async with self.database.connect() as connection:
            query = _shown().where(one(project_id, store_id))
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise unknown(store_id)
        return _store(row)

    async def page(
        self,
        project_id: str,
        *,
        after: str | None,
        before: str | None,
        limit: int,
        order: Order,
    ) -> StorePage:
        """A page of the project's stores by age; ids sort by it."""
        query = _shown().where(stores.c.project_id == project_id)
        for name, param in ((after, "after"), (before, "before")):
            if name is not None and not STORE_ID.fullmatch(name):
                raise InvalidRequestError(f"`{param}` is not the id of a store.", param=param)
        query = paged(query, stores.c.id, after, before, order)
        async with self.database.connect() as connection:
            rows = (await connection.execute(query.limit(limit + 1))).all()
        found = [_store(row) for row in rows[:limit]]
        return StorePage(data=found, **ends(found), has_more=len(rows) > limit)

    async def change(self, project_id: str, store_id: str, changes: StoreChanges) -> Store:
        """Change what is given. Raises `UnknownStoreError`."""
        given = changes.model_fields_set
        values: dict[str, Any] = {"last_active_at": func.now()}
        if "name" in given:
            values["name"] = changes.name
        if "metadata" in given:
            values["metadata"] = changes.metadata or {}
        if "expires_after" in given:
            values["expires_after"] = changes.expires_after.days if changes.expires_after else None
        async with self.database.begin() as connection:
            statement = update(stores).where(one(project_id, store_id)).values(values)
            if await connection.scalar(statement.returning(stores.c.id)) is None:
                raise unknown(store_id)
        return await self.get(project_id, store_id)

    async def delete(self, project_id: str, store_id: str) -> None:
        """Delete a store with all its chunks; its files stay. Raises `UnknownStoreError`."""
        async with self.database.begin() as connection:
            statement = delete(stores).where(one(project_id, store_id)).returning(stores.c.id)
            if await connection.scalar(statement) is None:
                raise unknown(store_id)
        await self._heaps.sweep_now()

    async def expire(self) -> None:
        """Give up what is in the stores whose time is over. The stores stay, to say so."""
        over = select(stores.c.id).where(func.now() >= EXPIRES)
        async with self.database.begin() as connection:
            await connection.execute(delete(store_files).where(store_files.c.store_id.in_(over)))


async def living(
    connection: AsyncConnection, project_id: str, store_id: str, *, hold: bool = False
) -> Row[Any]:
    """The store, for use. Raises `UnknownStoreError` and `StoreExpiredError`.

    With `hold` nobody can delete it before the transaction ends.
    """
    query = select(stores, (func.now() >= EXPIRES).label("over")).where(one(project_id, store_id))
    if hold:
        query = query.with_for_update(read=True, key_share=True)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise unknown(store_id)
    if row.over:
        raise StoreExpiredError(f"The vector store {store_id!r} has expired. Make another.")
    used = update(stores).where(stores.c.id == store_id)
    await connection.execute(
        used.where(stores.c.last_active_at < func.now() - ACTIVE).values(last_active_at=func.now())
    )
    return row


def one(project_id: str, store_id: str) -> ColumnElement[bool]:
    if not STORE_ID.fullmatch(store_id):
        raise unknown(store_id)
    return (stores.c.id == store_id) & (stores.c.project_id == project_id)


def unknown(store_id: str) -> UnknownStoreError:
    return UnknownStoreError(f"There is no vector store {store_id!r}.", param="vector_store_id")


def paged(
    query: Select[Any], column: Any, after: str | None, before: str | None, order: Order
) -> Select[Any]:
    """Only what comes after and before these ids, in the order of the ids."""
    rising = order == "asc"
    if after is not None:
        query = query.where(column > after if rising else column < after)
    if before is not None:
        query = query.where(column < before if rising else column > before)
    return query.order_by(column.asc() if rising else column.desc())


def ends(found: Sequence[Any]) -> dict[str, str | None]:
    return {
        "first_id": found[0].id if found else None,
        "last_id": found[-1].id if found else None,
    }


def _shown() -> Select[Any]:
    counts = select(*COUNTS).where(store_files.c.store_id == stores.c.id).lateral("counts")
    over = (func.now() >= EXPIRES).label("over")
    return select(stores, EXPIRES.label("expires_at"), over, counts).join(counts, true())


def _store(row: Row[Any]) -> Store:
    life = row.expires_after
    working = "in_progress" if row.in_progress else "completed"
    return Store(
        id=row.id,
        created_at=int(row.created_at.timestamp()),
        name=row.name,
        description=row.description,
        usage_bytes=row.usage_bytes,
        file_counts=file_counts(row),
        status="expired" if row.over else working,
        expires_after=Life(anchor="last_active_at", days=life) if life else None,
        expires_at=int(row.expires_at.timestamp()) if row.expires_at else None,
        last_active_at=int(row.last_active_at.timestamp()),
        metadata=row.metadata | _models(row),
    )


def _models(row: Row[Any]) -> dict[str, str]:
    named = {"text_embedding_model": row.model, "vision_embedding_model": row.vision_model}
    return {name: model for name, model in named.items() if model is not None}


def file_counts(row: Any) -> FileCounts:
    return FileCounts.model_validate(row, from_attributes=True)
