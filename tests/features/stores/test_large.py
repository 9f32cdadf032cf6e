"""Large stores: an index of their own, which finds what a comparison of all finds."""

from typing import Any

import numpy as np
import pytest
from pgvector import HalfVector
from sqlalchemy import ClauseElement, Executable, Select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles

from stellwerk.data.database import Database
from stellwerk.features.stores import finding, large
from stellwerk.features.stores.finding import Chunks
from stellwerk.features.stores.large import keep_indexes, look_exactly
from stellwerk.features.stores.pages import _candidates
from stellwerk.features.stores.query import HybridWeights

STORE, OTHER = "vs_" + "a" * 32, "vs_" + "b" * 32
WIDTH, ROWS = 32, 3000
MEANING = HybridWeights(embedding_weight=1, text_weight=0)
INDEXES = "select indexname from pg_indexes where indexname like 'hnsw_%'"

# Pages with one vector each: those of the chunks.
PAGES = """
insert into vector_store_pages (store_id, file_id, page, picture, picture_bytes, vectors)
select store_id, file_id, page, 'x/0', 1, '' from vector_store_chunks
"""
PAGE_VECTORS = """
insert into vector_store_page_vectors (page_id, store_id, file_id, embedding)
select p.id, store_id, file_id, embedding
from vector_store_pages p join vector_store_chunks using (store_id, file_id, page)
"""

SOUND = """
select relname from pg_class join pg_index on indexrelid = oid
where relname like 'hnsw_%' and indisvalid
"""


@pytest.fixture
async def filled(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Two stores with the same vectors in two files each; what is large is made small."""
    monkeypatch.setattr(large, "LARGE", ROWS)
    monkeypatch.setattr(large, "LEAST_BYTES", 1000)
    vectors = np.random.default_rng(5).normal(size=(ROWS, WIDTH))
    async with database.begin() as connection:
        await connection.execute(text("insert into projects (id, name) values ('p', 'p')"))
        for name in ("even", "odd"):
            await connection.execute(
                text(
                    "insert into files (id, project_id, filename, purpose, bytes, sha256, pieces)"
                    " values (:id, 'p', :id, 'x', 1, '', '[]')"
                ),
                {"id": name},
            )
        for store in (STORE, OTHER):
            await connection.execute(
                text(
                    "insert into vector_stores"
                    " (id, project_id, metadata, model, width, vision_width)"
                    " values (:id, 'p', '{}', 'm', :width, :width)"
                ),
                {"id": store, "width": WIDTH},
            )
            for name in ("even", "odd"):
                await connection.execute(
                    text(
                        "insert into vector_store_files (store_id, file_id, status, attributes,"
                        " chunk_size, chunk_overlap, request_id, usage_bytes) values"
                        " (:store, :file, 'completed', cast(:said as jsonb), 1, 0, 'r', 9999)"
                    ),
                    {"store": store, "file": name, "said": f'{{"name": "{name}"}}'},
                )
            await connection.execute(
                text(
                    "insert into vector_store_chunks (store_id, file_id, page, text, language,"
                    " lexemes, embedding) values (:store, :file, :page, 'x', 'simple', '', :v)"
                ),
                [
                    {
                        "store": store,
                        "file": ("even", "odd")[place % 2],
                        "page": place,
                        "v": HalfVector(vector).to_text(),
                    }
                    for place, vector in enumerate(vectors[: ROWS if store == STORE else 50])
                ],
            )
    return database


async def pages(database: Database, question: np.ndarray, name: str | None) -> list[int]:
    filters = {"type": "eq", "key": "name", "value": name} if name else None
    hits = await Chunks(database).search(
        STORE, "x", question.tolist(), filters=filters, weights=MEANING, limit=10
    )
    return [hit.page_number for _, hit in hits]


@pytest.mark.parametrize("name", [None, "odd"])
async def test_the_index_finds_the_same(filled: Database, name: str | None) -> None:
    questions = np.random.default_rng(6).normal(size=(10, WIDTH))
    exact = [await pages(filled, question, name) for question in questions]
    await keep_indexes(filled)
    async with filled.connect() as connection:
        assert list(await connection.scalars(text(INDEXES))) == ["hnsw_chunks_" + "a" * 32]
    async with filled.begin() as connection:
        await connection.execute(text("analyze vector_store_chunks"))
    found = [await pages(filled, question, name) for question in questions]
    same = sum(len(set(one) & set(other)) for one, other in zip(exact, found, strict=True))
    assert same >= 98
    if name == "odd":
        assert all(page % 2 for one in found for page in one)


class Explained(Executable, ClauseElement):
    """The plan of a statement in place of its rows."""

    inherit_cache = False

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement


@compiles(Explained)
def _explained(element: Explained, compiler: Any, **more: Any) -> str:
    return f"explain {compiler.process(element.statement, **more)}"


async def test_it_is_used(filled: Database) -> None:
    """Also by the whole search, of which PostgreSQL thinks that it needs nearly every row."""
    async with filled.begin() as connection:
        for statement in (PAGES, PAGE_VECTORS):
            await connection.execute(text(statement))
    await keep_indexes(filled)
    searches = {
        "hnsw_chunks_": finding._search(STORE, "x", [1.0] * WIDTH, None, MEANING),
        "hnsw_pages_": _candidates(STORE, np.ones((1, WIDTH), np.float32), None),
    }
    async with filled.begin() as connection:
        for kind in large.KINDS:
            await connection.execute(text(f"analyze {kind.table.name}"))
        await large.look_widely(connection, 600, filtered=False)
        for index, search in searches.items():
            plan = await connection.scalars(Explained(search))
            assert any(index in line for line in plan)


async def test_it_goes_with_its_store(filled: Database) -> None:
    await keep_indexes(filled)
    async with filled.begin() as connection:
        await connection.execute(text("delete from vector_stores where id = :id"), {"id": STORE})
    await keep_indexes(filled)
    async with filled.connect() as connection:
        assert list(await connection.scalars(text(INDEXES))) == []


@pytest.mark.parametrize("width", [large.WIDEST + 1, WIDTH - 1])
async def test_what_cannot_be_indexed_harms_nobody(
    filled: Database, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """Vectors that are too long for an index, and such whose index PostgreSQL refuses to build."""
    monkeypatch.setattr(large, "LARGE", ROWS // 3)
    async with filled.begin() as connection:
        longer = text("update vector_stores set width = :width where id = :id")
        await connection.execute(longer, {"width": width, "id": STORE})
        half = text("update vector_store_chunks set store_id = :id where file_id = 'even'")
        await connection.execute(half, {"id": OTHER})
    await keep_indexes(filled)
    async with filled.connect() as connection:
        assert list(await connection.scalars(text(SOUND))) == ["hnsw_chunks_" + "b" * 32]


async def test_a_filter_for_what_is_far_away(
    filled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index looks near the question first, and gives up before it comes to these."""
    monkeypatch.setattr(large, "SCANNED", 100)
    question = np.zeros(WIDTH)
    question[0] = 9
    async with filled.begin() as connection:
        away = text(
            "update vector_store_chunks set embedding = embedding + cast(:by as halfvec)"
            " where file_id = :name"
        )
        for name, by in (("even", question), ("odd", -question)):
            await connection.execute(away, {"by": HalfVector(by).to_text(), "name": name})
    exact = await pages(filled, question, "odd")
    await keep_indexes(filled)

    async def by_index(connection: AsyncConnection, nearest: int, *, filtered: bool) -> None:
        """So few rows would be compared anyway."""
        await large.look_widely(connection, nearest, filtered=filtered)
        await connection.execute(text("set local enable_seqscan = off"))
        await connection.execute(text("set local enable_bitmapscan = off"))
        await connection.execute(text("set local enable_sort = off"))

    async def nothing(_: AsyncConnection) -> None:
        """The search as it would be without a second look."""

    async def again(connection: AsyncConnection) -> None:
        await look_exactly(connection)
        await connection.execute(text("set local enable_seqscan = on"))
        await connection.execute(text("set local enable_sort = on"))

    monkeypatch.setattr(finding, "look_widely", by_index)
    monkeypatch.setattr(finding, "look_exactly", nothing)
    assert len(await pages(filled, question, "odd")) < len(exact)
    monkeypatch.setattr(finding, "look_exactly", again)
    assert await pages(filled, question, "odd") == exact
