"""Large stores: an index of their own, which finds what a comparison of all finds."""

import numpy as np
import pytest
from pgvector import HalfVector
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from stellwerk.data.database import Database
from stellwerk.features.stores import finding, large
from stellwerk.features.stores.finding import Chunks
from stellwerk.features.stores.large import keep_indexes, look_exactly
from stellwerk.features.stores.query import HybridWeights

STORE, OTHER = "vs_" + "a" * 32, "vs_" + "b" * 32
WIDTH, ROWS = 32, 3000
MEANING = HybridWeights(embedding_weight=1, text_weight=0)
INDEXES = "select indexname from pg_indexes where indexname like 'hnsw_%'"

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
                    "insert into vector_stores (id, project_id, metadata, model, width)"
                    " values (:id, 'p', '{}', 'm', :width)"
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


async def test_it_is_used(filled: Database) -> None:
    """What the search asks is what the index answers: PostgreSQL takes it for the order."""
    await keep_indexes(filled)
    async with filled.begin() as connection:
        await connection.execute(text("analyze vector_store_chunks"))
        await large.look_widely(connection, 100)
        plan = await connection.scalars(
            text(
                "explain select id from vector_store_chunks where store_id = '" + STORE + "' "
                f"order by embedding::halfvec({WIDTH}) <=> '{HalfVector([1.0] * WIDTH).to_text()}' "
                "limit 10"
            )
        )
        assert any("hnsw_chunks_" in line for line in plan)


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

    async def by_index(connection: AsyncConnection, nearest: int) -> None:
        """So few rows would be compared anyway."""
        await large.look_widely(connection, nearest)
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
