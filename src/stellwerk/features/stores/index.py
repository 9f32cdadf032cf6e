"""The chunks of a store: written page by page, and found by meaning and by words.

Both orders are exact: every chunk of the store that passes the filters is compared. They are put
together by reciprocal rank fusion (Cormack, Clarke and Buettcher, 2009): a chunk scores the sum of
weight / (60 + rank), here divided by what a chunk scores that is first in both. Words are ranked by
PostgreSQL's `ts_rank_cd`, which looks at how close together they stand.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from pgvector import HalfVector
from sqlalchemy import (
    Select,
    Text,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import REGCONFIG, TSQUERY
from sqlalchemy.ext.asyncio import AsyncConnection

from stellwerk.data.database import Database
from stellwerk.features.files.tables import files
from stellwerk.features.stores.errors import OtherModelError
from stellwerk.features.stores.filters import condition
from stellwerk.features.stores.tables import chunks, store_files, stores
from stellwerk.features.stores.types import Content, Hit, HybridWeights

SMOOTHING = 60
CANDIDATES = 100


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a page, and its vector."""

    page: int
    text: str
    language: str
    vector: Sequence[float]


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be ingested, and how far it is."""

    store_id: str
    file_id: str
    request_id: str
    project_id: str
    model: str
    chunk_size: int
    chunk_overlap: int
    pages_done: int


class Index:
    """Writes and searches chunks."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def task(self, store_id: str, file_id: str, request_id: str) -> Task | None:
        """What this row of the queue is to do; None when nobody wants it any more."""
        query = (
            select(store_files, stores.c.model, stores.c.project_id)
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
            chunk_size=row.chunk_size,
            chunk_overlap=row.chunk_overlap,
            pages_done=row.pages_done,
        )

    async def save(
        self, task: Task, new: Sequence[Chunk], page: int, pages: int | None
    ) -> Task | None:
        """Add the chunks of the pages up to `page`: all of them or none.

        Gives the task as it stands then. None when nobody wants them any more, or when another
        worker, who was given this task because we were thought dead, has saved some of them.
        """
        async with self.database.begin() as connection:
            statement = _own(task).values(pages_done=page, pages=pages)
            if await connection.scalar(statement.returning(store_files.c.file_id)) is None:
                return None
            if new:
                await _check_width(connection, task, len(new[0].vector))
                await connection.execute(_insertion(), [_values(task, chunk) for chunk in new])
            await _add_languages(connection, task.store_id, {chunk.language for chunk in new})
        return replace(task, pages_done=page)

    async def complete(self, task: Task) -> bool:
        """The file can be found from now on. False when it has no chunk."""
        size = func.octet_length(chunks.c.text) + func.pg_column_size(chunks.c.embedding)
        query = select(func.count(), func.coalesce(func.sum(size), 0)).where(
            chunks.c.store_id == task.store_id, chunks.c.file_id == task.file_id
        )
        async with self.database.begin() as connection:
            number, total = (await connection.execute(query)).one()
            if not number:
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
                await connection.execute(
                    delete(chunks).where(
                        chunks.c.store_id == task.store_id, chunks.c.file_id == task.file_id
                    )
                )

    async def copy(self, task: Task) -> Task | None:
        """Take the chunks of the same bytes, cut and embedded alike, from elsewhere in the project.

        None when there are none, or when the task was begun without them.
        """
        if task.pages_done:
            return None
        async with self.database.begin() as connection:
            twin = (await connection.execute(_twin(task))).first()
            if twin is None:
                return None
            statement = _own(task).values(pages_done=twin.pages_done, pages=twin.pages)
            if await connection.scalar(statement.returning(store_files.c.file_id)) is None:
                return None
            columns = [chunks.c.page, chunks.c.text, chunks.c.language, chunks.c.lexemes]
            columns.append(chunks.c.embedding)
            source = select(literal(task.store_id), literal(task.file_id), *columns).where(
                chunks.c.store_id == twin.store_id, chunks.c.file_id == twin.file_id
            )
            names = ["store_id", "file_id", *(column.name for column in columns)]
            await connection.execute(
                insert(chunks).from_select(names, source.order_by(chunks.c.id))
            )
            await _add_languages(connection, task.store_id, set(twin.languages))
        return replace(task, pages_done=twin.pages_done)

    async def search(
        self,
        store_id: str,
        query: str,
        vector: Sequence[float],
        *,
        filters: dict[str, Any] | None,
        weights: HybridWeights,
        limit: int,
    ) -> list[tuple[int, Hit]]:
        """The best chunks, each with its id. Raises `FilterError`."""
        statement = _search(store_id, query, vector, filters, weights).limit(limit)
        async with self.database.connect() as connection:
            return [(row.id, _hit(row)) for row in await connection.execute(statement)]


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
        "embedding": HalfVector(list(chunk.vector)),
    }


async def _check_width(connection: AsyncConnection, task: Task, width: int) -> None:
    """The first vector of a store decides how long all of them are."""
    statement = update(stores).where(
        stores.c.id == task.store_id, or_(stores.c.width.is_(None), stores.c.width == width)
    )
    done = statement.values(width=width).returning(stores.c.id)
    if await connection.scalar(done) is None:
        raise OtherModelError(task.model)


async def _add_languages(connection: AsyncConnection, store_id: str, languages: set[str]) -> None:
    known = await connection.scalar(select(stores.c.languages).where(stores.c.id == store_id))
    if known is not None and not languages <= set(known):
        both = sorted(languages | set(known))
        await connection.execute(
            update(stores).where(stores.c.id == store_id).values(languages=both)
        )


def _twin(task: Task) -> Select[Any]:
    """Another file of the project that is complete and would come to the same chunks."""
    this = select(files.c.sha256).where(files.c.id == task.file_id).scalar_subquery()
    return (
        select(store_files, stores.c.languages)
        .join(stores, stores.c.id == store_files.c.store_id)
        .join(files, files.c.id == store_files.c.file_id)
        .where(
            files.c.sha256 == this,
            stores.c.project_id == task.project_id,
            stores.c.model == task.model,
            store_files.c.status == "completed",
            store_files.c.chunk_size == task.chunk_size,
            store_files.c.chunk_overlap == task.chunk_overlap,
        )
        .limit(1)
    )


def _search(
    store_id: str,
    query: str,
    vector: Sequence[float],
    filters: dict[str, Any] | None,
    weights: HybridWeights,
) -> Select[Any]:
    base = (
        select(chunks.c.id)
        .join(store_files, _same_file())
        .where(chunks.c.store_id == store_id, store_files.c.status == "completed")
    )
    if filters is not None:
        base = base.where(condition(filters))
    distance = chunks.c.embedding.cosine_distance(HalfVector(list(vector)))
    alike = base.add_columns(_rank(distance)).order_by(distance, chunks.c.id).limit(CANDIDATES)
    words = _words(store_id, query)
    close = func.ts_rank_cd(chunks.c.lexemes, words)
    same = base.where(chunks.c.lexemes.op("@@")(words))
    same = same.add_columns(_rank(close.desc())).order_by(close.desc(), chunks.c.id)
    ways = [(alike, weights.embedding_weight), (same.limit(CANDIDATES), weights.text_weight)]
    return _fused([(way, weight) for way, weight in ways if weight])


def _fused(ways: Sequence[tuple[Select[Any], float]]) -> Select[Any]:
    parts = []
    for way, weight in ways:
        found = way.subquery()
        share = literal(weight) / (SMOOTHING + found.c.rank)
        parts.append(select(found.c.id, share.label("share")))
    together = union_all(*parts).subquery()
    best = sum(weight for _, weight in ways) / (SMOOTHING + 1)
    score = (func.sum(together.c.share) / best).label("score")
    scored = select(together.c.id, score).group_by(together.c.id).subquery()
    shown = (chunks.c.id, chunks.c.text, chunks.c.page, chunks.c.file_id)
    more = (store_files.c.attributes, store_files.c.created_at, files.c.filename)
    return (
        select(*shown, *more, scored.c.score)
        .join(chunks, chunks.c.id == scored.c.id)
        .join(store_files, _same_file())
        .join(files, files.c.id == chunks.c.file_id)
        .order_by(scored.c.score.desc(), chunks.c.id)
    )


def _same_file() -> Any:
    return (store_files.c.store_id == chunks.c.store_id) & (
        store_files.c.file_id == chunks.c.file_id
    )


def _rank(order: Any) -> Any:
    return func.row_number().over(order_by=(order, chunks.c.id)).label("rank")


def _words(store_id: str, query: str) -> Any:
    """Any of the query's words, as each language of the store has them."""
    languages = select(func.unnest(stores.c.languages).label("name"))
    each = languages.where(stores.c.id == store_id).subquery()
    plain = cast(func.plainto_tsquery(cast(each.c.name, REGCONFIG), query), Text)
    either = func.nullif(func.replace(plain, " & ", " | "), "")
    return select(cast(func.string_agg(either, " | "), TSQUERY)).scalar_subquery()


def _hit(row: Any) -> Hit:
    return Hit(
        file_id=row.file_id,
        filename=row.filename,
        score=min(float(row.score), 1.0),
        attributes=row.attributes,
        content=[Content(text=row.text)],
        page_number=row.page,
        file_type=PurePosixPath(row.filename).suffix.lower(),
        created_at=int(row.created_at.timestamp()),
    )
