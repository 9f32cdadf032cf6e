"""Page images of a store: how they are kept, and found by late interaction.

A page has many vectors, and so may a question. A page scores the sum, over the question's vectors,
of the closest of its own (MaxSim: Khattab and Zaharia, ColBERT, 2020). Candidates are the pages of
the single vectors that are closest to each of the question's; they are then compared exactly.
Pages with more vectors than `MOST` are entered for candidates with means of neighbours.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pgvector import HalfVector
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Select,
    Text,
    cast,
    column,
    func,
    insert,
    literal,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from stellwerk.base.ids import new_id
from stellwerk.data.blobs.heaps import adopt
from stellwerk.data.database import Database
from stellwerk.features.files.tables import files
from stellwerk.features.stores.filters import condition
from stellwerk.features.stores.fitting import Form
from stellwerk.features.stores.large import (
    PAGES,
    distance,
    found_too_few,
    in_store,
    look_exactly,
    look_widely,
)
from stellwerk.features.stores.tables import page_vectors, pages, store_files

Vectors = npt.NDArray[np.float32]
STORED = np.dtype("<f2")

# Vectors of a page that are looked through for candidates, and of a question that look.
MOST, ASKING = 96, 32
# Single vectors that are taken for one of a question's, and pages that are then compared.
NEAREST, NEAREST_OF_MANY = 600, 150
CANDIDATES = 100


@dataclass(frozen=True, slots=True)
class PageImage:
    """A page's picture in the blob store (key, bytes), and its vectors of length 1."""

    page: int
    picture: str
    size: int
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Drawn:
    """Page images whose pictures lie in one heap, still an orphan."""

    heap: str
    images: Sequence[PageImage]

    @property
    def width(self) -> int:
        return int(self.images[0].vectors.shape[1])


@dataclass(frozen=True, slots=True)
class Twin:
    """A file whose content is the same. `pictures` are (page's id, key, bytes)."""

    store_id: str
    file_id: str
    form: Form
    pictures: tuple[tuple[int, str, int], ...]


@dataclass(frozen=True, slots=True)
class FoundPage:
    """A page of an answer; `row` has its file and its picture."""

    row: Any
    score: float


def new_heap() -> str:
    """A name for the pictures of some pages."""
    return f"pages/{new_id('')}"


async def insert_pages(
    connection: AsyncConnection, store_id: str, file_id: str, drawn: Drawn
) -> None:
    """Add pages; their pictures have an owner from then on. Raises `HeapLostError`."""
    await adopt(connection, drawn.heap)
    for image in drawn.images:
        values = {
            "store_id": store_id,
            "file_id": file_id,
            "page": image.page,
            "picture": image.picture,
            "picture_bytes": image.size,
            "vectors": image.vectors.astype(STORED).tobytes(),
        }
        made = insert(pages).values(values).returning(pages.c.id)
        page_id = await connection.scalar(made)
        texts = [str(HalfVector(row).to_text()) for row in representatives(image.vectors)]
        each = func.unnest(cast(cast(texts, ARRAY(Text)), ARRAY(HALFVEC)))
        source = select(literal(page_id, BigInteger), literal(store_id), literal(file_id), each)
        names = ["page_id", "store_id", "file_id", "embedding"]
        await connection.execute(insert(page_vectors).from_select(names, source))


async def copy_pages(
    connection: AsyncConnection,
    twin: Twin,
    place: tuple[str, str],
    heap: str,
    keys: Sequence[str],
) -> None:
    """Add the twin's pages to `place` (store, file), with the copies of their pictures."""
    await adopt(connection, heap)
    ids = [page_id for page_id, _, _ in twin.pictures]
    pairs = (
        func.unnest(cast(ids, ARRAY(BigInteger)), cast(list(keys), ARRAY(Text)))
        .table_valued(column("id", BigInteger), column("key", Text))
        .render_derived("copied")
    )
    store, file = (literal(name) for name in place)
    source = select(
        store, file, pages.c.page, pairs.c.key, pages.c.picture_bytes, pages.c.vectors
    ).join(pairs, pairs.c.id == pages.c.id)
    names = ["store_id", "file_id", "page", "picture", "picture_bytes", "vectors"]
    await connection.execute(insert(pages).from_select(names, source.order_by(pages.c.id)))
    new = pages.alias("new")
    vectors = (
        select(new.c.id, store, file, page_vectors.c.embedding)
        .join(pairs, pairs.c.key == new.c.picture)
        .join(page_vectors, page_vectors.c.page_id == pairs.c.id)
    )
    names = ["page_id", "store_id", "file_id", "embedding"]
    await connection.execute(insert(page_vectors).from_select(names, vectors))


def representatives(vectors: Vectors, most: int = MOST) -> Vectors:
    """All vectors, or the means of neighbours among very many, of length 1."""
    if len(vectors) <= most:
        return vectors
    means = np.stack([part.mean(axis=0) for part in np.array_split(vectors, most)])
    made: Vectors = means / np.linalg.norm(means, axis=1, keepdims=True)
    return made


def maxsim(question: Vectors, page: Vectors) -> float:
    """The sum, over the rows of `question`, of the closest row of `page`."""
    return float((question @ page.T).max(axis=1).sum())


class Pages:
    """Searches page images."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(
        self, store_id: str, question: Vectors, *, filters: dict[str, Any] | None, limit: int
    ) -> list[FoundPage]:
        """The best pages. Raises `FilterError`."""
        async with self._database.begin() as connection:
            await look_widely(connection, nearest(question), filtered=filters is not None)
            statement = _candidates(store_id, question, filters)
            rows = (await connection.execute(statement)).all()
            if filters is not None:
                wanted = nearest(question) * min(len(question), ASKING)
                looked = rows[0].looked if rows else 0
                if await found_too_few(connection, PAGES, store_id, looked, wanted):
                    await look_exactly(connection)
                    rows = (await connection.execute(statement)).all()
        found = await asyncio.to_thread(_scored, rows, question)
        return sorted(found, key=lambda one: (-one.score, one.row.id))[:limit]


def _scored(rows: Sequence[Any], question: Vectors) -> list[FoundPage]:
    width = question.shape[1]
    return [FoundPage(row, maxsim(question, _read(row.vectors, width))) for row in rows]


def _read(stored: bytes, width: int) -> Vectors:
    return np.frombuffer(stored, STORED).reshape(-1, width).astype(np.float32)


def nearest(question: Vectors) -> int:
    """Single vectors that are taken for each of the question's."""
    return NEAREST if len(question) == 1 else NEAREST_OF_MANY


def _candidates(store_id: str, question: Vectors, filters: dict[str, Any] | None) -> Select[Any]:
    wanted = select(store_files.c.file_id).where(
        store_files.c.store_id == store_id, store_files.c.status == "completed"
    )
    if filters is not None:
        wanted = wanted.where(condition(filters))
    parts = []
    for vector in representatives(question, ASKING):
        measured = distance(page_vectors, HalfVector(vector), question.shape[1])
        close = (
            select(page_vectors.c.page_id, (1 - measured).label("alike"))
            .where(in_store(page_vectors, store_id), page_vectors.c.file_id.in_(wanted))
            .order_by(measured)
            .limit(nearest(question))
            .subquery()
        )
        best = select(
            close.c.page_id,
            func.count().label("vectors"),
            func.max(close.c.alike).label("alike"),
        )
        parts.append(best.group_by(close.c.page_id))
    each = union_all(*parts).cte("each")
    total = func.sum(each.c.alike)
    first = (
        select(each.c.page_id).group_by(each.c.page_id).order_by(total.desc()).limit(CANDIDATES)
    ).subquery()
    more = (store_files.c.attributes, store_files.c.created_at, files.c.filename)
    looked = select(func.sum(each.c.vectors)).scalar_subquery().label("looked")
    return (
        select(pages, *more, looked)
        .join(first, first.c.page_id == pages.c.id)
        .join(
            store_files,
            (store_files.c.store_id == pages.c.store_id)
            & (store_files.c.file_id == pages.c.file_id),
        )
        .join(files, files.c.id == pages.c.file_id)
    )
