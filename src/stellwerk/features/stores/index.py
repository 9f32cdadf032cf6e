"""What is in a store: written page by page, or taken over from where it was made before."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pgvector import HalfVector
from sqlalchemy import (
    Select,
    Table,
    Text,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import REGCONFIG
from sqlalchemy.ext.asyncio import AsyncConnection

from stellwerk.data.database import Database
from stellwerk.features.files.tables import files
from stellwerk.features.queue.tables import requests
from stellwerk.features.stores.fitting import Form, fit
from stellwerk.features.stores.pages import Drawn, Twin, Vectors, copy_pages, insert_pages
from stellwerk.features.stores.tables import chunks, pages, store_files, stores

# Rows that are written out at a time: a page may have tens of thousands, and a worker whose loop
# stands still for seconds is taken for dead.
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a page, and its vector."""

    page: int
    text: str
    language: str
    vector: Vectors


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be ingested, and how far it is."""

    store_id: str
    file_id: str
    request_id: str
    project_id: str
    model: str
    vision_model: str | None
    chunk_size: int
    chunk_overlap: int
    pages_done: int

    @property
    def models(self) -> tuple[str, str | None]:
        return self.model, self.vision_model


class Index:
    """Writes chunks and pages."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def task(self, store_id: str, file_id: str, request_id: str) -> Task | None:
        """What this row of the queue is to do; None when nobody wants it any more."""
        query = (
            select(store_files, stores.c.model, stores.c.vision_model, stores.c.project_id)
            .join(stores, stores.c.id == store_files.c.store_id)
            .where(_fence(store_id, file_id, request_id))
        )
        async with self.database.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        return Task(
            store_id=store_id,
            file_id=file_id,
            request_id=request_id,
            project_id=row.project_id,
            model=row.model,
            vision_model=row.vision_model,
            chunk_size=row.chunk_size,
            chunk_overlap=row.chunk_overlap,
            pages_done=row.pages_done,
        )

    async def save(
        self,
        task: Task,
        new: Sequence[Chunk],
        page: int,
        total: int | None,
        drawn: Drawn | None = None,
    ) -> Task | None:
        """Add the chunks and images of the pages up to `page`: all of them or none.

        Gives the task as it stands then. None when nobody wants them any more, or when another
        worker, who was given this task because we were thought dead, has saved some of them.
        """
        async with self.database.begin() as connection:
            form = Form(
                len(new[0].vector) if new else None,
                drawn.width if drawn is not None else None,
                frozenset(chunk.language for chunk in new),
            )
            if not await fit(connection, task.store_id, task.models, form):
                return None
            statement = _own(task).values(pages_done=page, pages=total)
            if await connection.scalar(statement.returning(store_files.c.file_id)) is None:
                return None
            for start in range(0, len(new), AT_ONCE):
                rows = [_values(task, chunk) for chunk in new[start : start + AT_ONCE]]
                await connection.execute(_insertion(), rows)
            if drawn is not None:
                await insert_pages(connection, task.store_id, task.file_id, drawn)
        return replace(task, pages_done=page)

    async def complete(self, task: Task) -> bool:
        """The file can be found from now on. False when there is nothing to find."""
        text = func.octet_length(chunks.c.text) + func.pg_column_size(chunks.c.embedding)
        drawn = pages.c.picture_bytes + func.octet_length(pages.c.vectors)
        total = 0
        async with self.database.begin() as connection:
            for table, size in ((chunks, text), (pages, drawn)):
                query = select(func.coalesce(func.sum(size), 0)).where(of_file(table, task))
                total += await connection.scalar(query) or 0
            if not total:
                return False
            await connection.execute(_own(task).values(status="completed", usage_bytes=total))
        return True

    async def fail(self, task: Task, code: str, message: str) -> None:
        """The file cannot be ingested; what is there of it goes."""
        async with self.database.begin() as connection:
            statement = _claimed(task).values(
                status="failed", error_code=code, error_message=message, usage_bytes=0
            )
            if await connection.scalar(statement.returning(store_files.c.file_id)) is not None:
                for table in (chunks, pages):
                    await connection.execute(delete(table).where(of_file(table, task)))

    async def twin(self, task: Task) -> Twin | None:
        """The same bytes, cut and embedded alike, elsewhere in the project and complete.

        None when there are none, or when the task was begun without them.
        """
        if task.pages_done:
            return None
        async with self.database.connect() as connection:
            row = (await connection.execute(_twin(task))).first()
            if row is None:
                return None
            query = select(pages.c.id, pages.c.picture, pages.c.picture_bytes)
            here = (pages.c.store_id == row.store_id) & (pages.c.file_id == row.file_id)
            found = (await connection.execute(query.where(here).order_by(pages.c.id))).all()
        form = Form(row.width, row.vision_width, frozenset(row.languages))
        return Twin(row.store_id, row.file_id, form, tuple(tuple(one) for one in found))

    async def is_made(self, task: Task) -> bool:
        """Whether another request, begun before this one, makes what this task would come to.

        Not for a task that was begun: to go on with it is less work than to wait.
        """
        if task.pages_done:
            return False
        async with self.database.connect() as connection:
            return (await connection.execute(_elder(task))).first() is not None

    async def copy(
        self, task: Task, twin: Twin, heap: str | None, keys: Sequence[str]
    ) -> Task | None:
        """Take over what the twin has; `keys` are the copies of its pictures, in its order.

        None when the twin is not what it was, or when nobody wants it any more.
        """
        async with self.database.begin() as connection:
            if not await fit(connection, task.store_id, task.models, twin.form):
                return None
            alike = _twin(task).where(
                store_files.c.store_id == twin.store_id, store_files.c.file_id == twin.file_id
            )
            held = alike.with_for_update(read=True, of=store_files)
            row = (await connection.execute(held)).first()
            if row is None:
                return None
            statement = _own(task).values(pages_done=row.pages_done, pages=row.pages)
            if await connection.scalar(statement.returning(store_files.c.file_id)) is None:
                return None
            await _copy_chunks(connection, task, twin)
            if heap is not None:
                await copy_pages(connection, twin, (task.store_id, task.file_id), heap, keys)
        return replace(task, pages_done=row.pages_done)


async def _copy_chunks(connection: AsyncConnection, task: Task, twin: Twin) -> None:
    columns = [chunks.c.page, chunks.c.text, chunks.c.language, chunks.c.lexemes]
    columns.append(chunks.c.embedding)
    source = select(literal(task.store_id), literal(task.file_id), *columns).where(
        chunks.c.store_id == twin.store_id, chunks.c.file_id == twin.file_id
    )
    names = ["store_id", "file_id", *(column.name for column in columns)]
    await connection.execute(insert(chunks).from_select(names, source.order_by(chunks.c.id)))


def of_file(table: Table, task: Task) -> Any:
    """The rows of the task's file in its store."""
    return (table.c.store_id == task.store_id) & (table.c.file_id == task.file_id)


def _fence(store_id: str, file_id: str, request_id: str) -> Any:
    return (
        (store_files.c.store_id == store_id)
        & (store_files.c.file_id == file_id)
        & (store_files.c.request_id == request_id)
        & (store_files.c.status == "in_progress")
    )


def _claimed(task: Task) -> Any:
    return update(store_files).where(_fence(task.store_id, task.file_id, task.request_id))


def _own(task: Task) -> Any:
    """The row, if it is as this worker left it."""
    return _claimed(task).where(store_files.c.pages_done == task.pages_done)


def _insertion() -> Any:
    lexemes = func.to_tsvector(
        cast(bindparam("of_language", type_=Text), REGCONFIG), bindparam("of_text", type_=Text)
    )
    return insert(chunks).values(lexemes=lexemes)


def _values(task: Task, chunk: Chunk) -> dict[str, Any]:
    return {
        "store_id": task.store_id,
        "file_id": task.file_id,
        "page": chunk.page,
        "text": chunk.text,
        "language": chunk.language,
        "of_text": chunk.text,
        "of_language": chunk.language,
        "embedding": HalfVector(chunk.vector),
    }


def _twin(task: Task) -> Select[Any]:
    """Another file of the project that is complete and came to the same chunks."""
    return _alike(task).where(store_files.c.status == "completed").limit(1)


def _elder(task: Task) -> Select[Any]:
    """Another that will come to the same, if the request that makes it was begun before."""
    other, own = requests.alias("other"), requests.alias("own")
    return (
        _alike(task)
        .join(other, other.c.id == store_files.c.request_id)
        .join(own, own.c.id == task.request_id)
        .where(
            store_files.c.status == "in_progress",
            other.c.state == "running",
            tuple_(other.c.started_at, other.c.id) < tuple_(own.c.started_at, own.c.id),
        )
        .limit(1)
    )


def _alike(task: Task) -> Select[Any]:
    """Files of the project with the same bytes, cut and embedded in the same way."""
    this = select(files.c.sha256).where(files.c.id == task.file_id).scalar_subquery()
    return (
        select(store_files, stores.c.width, stores.c.vision_width, stores.c.languages)
        .join(stores, stores.c.id == store_files.c.store_id)
        .join(files, files.c.id == store_files.c.file_id)
        .where(
            files.c.sha256 == this,
            stores.c.project_id == task.project_id,
            stores.c.model == task.model,
            stores.c.vision_model.is_not_distinct_from(task.vision_model),
            store_files.c.chunk_size == task.chunk_size,
            store_files.c.chunk_overlap == task.chunk_overlap,
        )
    )
