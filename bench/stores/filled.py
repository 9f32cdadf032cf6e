"""Stores that are filled by COPY, with texts or with pages."""

from collections.abc import Iterable, Sequence
from typing import Any

from pgvector import HalfVector
from pgvector.asyncpg import register_vector
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
    rows = ((store, str(place), HalfVector(vector)) for place, vector in enumerate(vectors))
    await _copied(
        database,
        rows,
        "insert into vector_store_chunks (store_id, file_id, page, text, language, lexemes,"
        f" embedding) select store, '{FILE}', page::int, 'x', 'simple', '', embedding from loaded",
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
        (store, str(place), HalfVector(vector))
        for place, vectors in enumerate(pages, first)
        for vector in representatives(vectors)
    )
    await _copied(
        database,
        rows,
        "insert into vector_store_page_vectors (page_id, store_id, file_id, embedding)"
        " select p.id, p.store_id, p.file_id, l.embedding from loaded l"
        " join vector_store_pages p on p.store_id = l.store and p.page = l.page::int",
    )


async def _copied(database: Database, rows: Iterable[tuple[Any, ...]], insertion: str) -> None:
    """COPY stores, pages and vectors into `loaded`, and from there by `insertion`."""
    connection = await database.connection()
    try:
        await register_vector(connection)
        await connection.execute(
            "create temporary table loaded (store text, page text, embedding halfvec)"
        )
        await connection.copy_records_to_table("loaded", records=rows)
        await connection.execute(insertion)
    finally:
        await connection.close()
