"""Stores that are filled by COPY, with texts or with pages."""

from collections.abc import Iterable, Sequence
from typing import Any

from pgvector import HalfVector
from sqlalchemy import text

from bench.stores.texts import Vectors
from stellwerk.data.database import Database
from stellwerk.features.stores.pages import STORED, representatives

FILE = "file-" + "c" * 32

PROJECT = "insert into projects (id, name) values ('p', 'p')"
A_FILE = """
insert into files (id, project_id, filename, purpose, bytes, sha256, pieces)
values (:file, 'p', 'a', 'x', 1, '', '[]')
"""
A_STORE = """
insert into vector_stores (id, project_id, metadata, model, width, vision_width)
values (:store, 'p', '{}', 'm', :width, :width)
"""
IN_STORE = """
insert into vector_store_files
    (store_id, file_id, status, attributes, chunk_size, chunk_overlap, request_id)
values (:store, :file, 'completed', '{}', 1, 0, 'r')
"""


async def prepare(database: Database) -> None:
    """A project and a file."""
    async with database.begin() as connection:
        await connection.execute(text(PROJECT))
        await connection.execute(text(A_FILE), {"file": FILE})


async def make_store(database: Database, store: str, width: int) -> None:
    """An empty store for vectors of that length."""
    async with database.begin() as connection:
        await connection.execute(text(A_STORE), {"store": store, "width": width})
        await connection.execute(text(IN_STORE), {"store": store, "file": FILE})


async def fill_texts(database: Database, store: str, vectors: Vectors) -> None:
    rows = (
        (store, FILE, place, "x", "simple", _shown(vector)) for place, vector in enumerate(vectors)
    )
    columns = "store_id, file_id, page, text, language, embedding"
    await _copied(
        database,
        rows,
        "insert into vector_store_chunks (store_id, file_id, page, text, language, lexemes,"
        " embedding) select a, b, c::int, d, e, '', f::halfvec from loaded",
        columns.count(",") + 1,
    )


async def fill_pages(
    database: Database, store: str, pages: Sequence[Vectors], first: int = 0
) -> None:
    async with database.begin() as connection:
        await connection.execute(
            text(
                "insert into vector_store_pages (store_id, file_id, page, picture, picture_bytes,"
                " vectors) values (:store, :file, :page, 'x/0', 1, :vectors)"
            ),
            [
                {
                    "store": store,
                    "file": FILE,
                    "page": place,
                    "vectors": vectors.astype(STORED).tobytes(),
                }
                for place, vectors in enumerate(pages, first)
            ],
        )
    rows = (
        (store, place, _shown(vector))
        for place, vectors in enumerate(pages, first)
        for vector in representatives(vectors)
    )
    await _copied(
        database,
        rows,
        "insert into vector_store_page_vectors (page_id, store_id, file_id, embedding)"
        " select p.id, p.store_id, p.file_id, c::halfvec from loaded"
        " join vector_store_pages p on p.store_id = a and p.page = b::int",
        3,
    )


def _shown(vector: Any) -> str:
    return str(HalfVector(vector).to_text())


async def _copied(
    database: Database, rows: Iterable[tuple[Any, ...]], insertion: str, width: int
) -> None:
    """COPY into a table of texts, and from there by `insertion`, whose columns are a, b, ..."""
    connection = await database.connection()
    try:
        columns = ", ".join(f"{name} text" for name in "abcdefgh"[:width])
        await connection.execute(f"create temporary table loaded ({columns})")
        texts = [tuple(map(str, row)) for row in rows]
        await connection.copy_records_to_table("loaded", records=texts)
        await connection.execute(insertion)
    finally:
        await connection.close()
