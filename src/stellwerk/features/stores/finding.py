"""The chunks of a store, found by meaning and by words.

In a small store every chunk that passes the filters is compared; in a large one those that its
index brings (see `large`), again by their own vectors. Words are ranked by PostgreSQL's
`ts_rank_cd`, which looks at how close together they stand. Both orders are put together by
reciprocal rank fusion (Cormack, Clarke and Buettcher, 2009): a chunk scores the sum of
weight / rank, here divided by what a chunk scores that is first in both. The paper adds 60 to each
rank, for the deep lists of many systems; with two, that lets what is middling in both pass what is
first in one, and questions for rare identifiers lost their page by it.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from pgvector import HalfVector
from sqlalchemy import Select, Text, cast, func, literal, select, union_all
from sqlalchemy.dialects.postgresql import REGCONFIG, TSQUERY

from stellwerk.data.database import Database
from stellwerk.features.files.tables import files
from stellwerk.features.stores.filters import condition
from stellwerk.features.stores.large import (
    CHUNKS,
    distance,
    found_too_few,
    in_store,
    look_exactly,
    look_widely,
)
from stellwerk.features.stores.query import Content, Hit, HybridWeights
from stellwerk.features.stores.tables import chunks, store_files, stores

CANDIDATES = 100
# Chunks that are taken from an index, to be compared again.
NEAREST = 200


class Chunks:
    """Searches texts."""

    def __init__(self, database: Database) -> None:
        self.database = database

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
        async with self.database.begin() as connection:
            await look_widely(connection, NEAREST, filtered=filters is not None)
            rows = (await connection.execute(statement)).all()
            if filters is not None and weights.embedding_weight:
                looked = rows[0].looked if rows else 0
                if await found_too_few(connection, CHUNKS, store_id, looked, NEAREST):
                    await look_exactly(connection)
                    rows = (await connection.execute(statement)).all()
        return [(row.id, _hit(row)) for row in rows]


def _search(
    store_id: str,
    query: str,
    vector: Sequence[float],
    filters: dict[str, Any] | None,
    weights: HybridWeights,
) -> Select[Any]:
    wanted = select(store_files.c.file_id).where(
        store_files.c.store_id == store_id, store_files.c.status == "completed"
    )
    if filters is not None:
        wanted = wanted.where(condition(filters))
    base = select(chunks.c.id).where(in_store(chunks, store_id), chunks.c.file_id.in_(wanted))
    measured = distance(chunks, HalfVector(list(vector)), len(vector))
    near = base.add_columns(measured.label("far")).order_by(measured).limit(NEAREST).cte("near")
    alike = select(near.c.id, _rank(near.c.far, near.c.id)).order_by(near.c.far, near.c.id)
    alike = alike.limit(CANDIDATES)
    words = _words(store_id, query)
    close = func.ts_rank_cd(chunks.c.lexemes, words)
    same = base.where(chunks.c.lexemes.op("@@")(words))
    same = same.add_columns(_rank(close.desc(), chunks.c.id)).order_by(close.desc(), chunks.c.id)
    ways = [(alike, weights.embedding_weight), (same.limit(CANDIDATES), weights.text_weight)]
    found = _fused([(way, weight) for way, weight in ways if weight])
    if not weights.embedding_weight:
        return found
    return found.add_columns(
        select(func.count()).select_from(near).scalar_subquery().label("looked")
    )


def _fused(ways: Sequence[tuple[Select[Any], float]]) -> Select[Any]:
    parts = []
    for way, weight in ways:
        found = way.subquery()
        share = literal(weight) / found.c.rank
        parts.append(select(found.c.id, share.label("share")))
    together = union_all(*parts).subquery()
    best = sum(weight for _, weight in ways)
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


def _rank(order: Any, then: Any) -> Any:
    return func.row_number().over(order_by=(order, then)).label("rank")


def _words(store_id: str, query: str) -> Any:
    """Any of the query's words, as each language of the store has them."""
    languages = select(func.unnest(stores.c.languages).label("name"))
    each = languages.where(stores.c.id == store_id).subquery()
    plain = cast(func.plainto_tsquery(cast(each.c.name, REGCONFIG), query), Text)
    either = func.nullif(func.replace(plain, " & ", " | "), "")
    return select(cast(func.string_agg(either, " | "), TSQUERY)).scalar_subquery()


def _hit(row: Any) -> Hit:
    return hit(row, min(float(row.score), 1.0), Content(text=row.text))


def hit(row: Any, score: float, content: Content) -> Hit:
    """A chunk or a page with its file, as the API shows it."""
    return Hit(
        file_id=row.file_id,
        filename=row.filename,
        score=score,
        attributes=row.attributes,
        content=[content],
        page_number=row.page,
        file_type=PurePosixPath(row.filename).suffix.lower(),
        created_at=int(row.created_at.timestamp()),
    )
