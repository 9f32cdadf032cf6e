"""Ingests that are cut: whatever dies, no page is lost and none is doubled."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from stellwerk.data.blobs.heaps import Heaps
from stellwerk.data.blobs.store import Blobs
from stellwerk.data.database import Database
from stellwerk.features.files.service import Files
from stellwerk.features.files.types import NewFile
from stellwerk.features.stores.errors import OtherModelError
from stellwerk.features.stores.index import Chunk, Index, Task
from stellwerk.operations.ingest import PAGES, TEXTS, _groups
from stellwerk.operations.looking import View
from stellwerk.ports.reading import Page

VECTOR = np.array([1, 0], np.float32)


def chunk(page: int) -> Chunk:
    return Chunk(page, f"Seite {page}", "german", VECTOR)


@pytest.fixture
async def task(database: Database, tmp_path: Path) -> Task:
    """A file in a store, to be ingested."""
    async with database.begin() as connection:
        await connection.execute(text("insert into projects (id, name) values ('p', 'p')"))
    files = Files(database, Heaps(database, Blobs(tmp_path.as_uri())), 1000)

    async def data() -> AsyncIterator[bytes]:
        yield b"x"

    file = await files.create("p", NewFile(filename="a.pdf", purpose="assistants"), data())
    async with database.begin() as connection:
        await connection.execute(
            text("""
                insert into vector_stores (id, project_id, metadata, model)
                values ('vs', 'p', '{}', 'vectors')
            """)
        )
        await connection.execute(
            text("""
                insert into vector_store_files (store_id, file_id, status, attributes, chunk_size,
                    chunk_overlap, request_id)
                values ('vs', :file, 'in_progress', '{}', 100, 0, 'req')
            """),
            {"file": file.id},
        )
    found = await Index(database).task("vs", file.id, "req")
    assert found is not None
    return found


async def pages(database: Database) -> list[int]:
    async with database.connect() as connection:
        found = await connection.scalars(
            text("select page from vector_store_chunks order by page, id")
        )
        return list(found)


async def test_it_resumes_after_the_last_page_saved(database: Database, task: Task) -> None:
    index = Index(database)
    saved = await index.save(task, [chunk(1), chunk(2), chunk(2)], 2, 5)
    assert saved == replace(task, pages_done=2)
    assert await index.task("vs", task.file_id, "req") == saved


async def test_of_two_workers_one_goes_on(database: Database, task: Task) -> None:
    """One was thought dead and is not: it may overtake, but never write a page again."""
    index = Index(database)

    async def ingest(step: int) -> bool:
        now: Task | None = task
        while now is not None and now.pages_done < 30:
            last = min(now.pages_done + step, 30)
            new = [chunk(page) for page in range(now.pages_done + 1, last + 1)]
            now = await index.save(now, new, last, 30)
        return now is not None

    done = await asyncio.gather(*(ingest(step) for step in (1, 2, 3, 7)))
    assert sum(done) == 1
    assert await pages(database) == list(range(1, 31))


async def test_what_is_not_wanted_any_more_stops(database: Database, task: Task) -> None:
    index = Index(database)
    saved = await index.save(task, [chunk(1)], 1, 3)
    assert saved is not None
    async with database.begin() as connection:
        await connection.execute(text("delete from vector_store_files"))
    assert await index.save(saved, [chunk(2)], 2, 3) is None
    assert await index.task("vs", task.file_id, "req") is None
    assert await pages(database) == []


async def test_a_failure_takes_what_was_saved(database: Database, task: Task) -> None:
    index = Index(database)
    saved = await index.save(task, [chunk(1)], 1, 3)
    assert saved is not None
    await index.fail(saved, "invalid_file", "Page 2 is broken.")
    assert await pages(database) == []
    assert await index.task("vs", task.file_id, "req") is None


async def test_vectors_of_another_length_are_refused(database: Database, task: Task) -> None:
    index = Index(database)
    saved = await index.save(task, [chunk(1)], 1, 3)
    assert saved is not None
    with pytest.raises(OtherModelError):
        await index.save(saved, [Chunk(2, "Seite 2", "german", np.ones(3, np.float32))], 2, 3)
    assert await index.task("vs", task.file_id, "req") == saved


async def test_short_pages_are_embedded_together(task: Task) -> None:
    async def read() -> AsyncIterator[tuple[Page, list[View]]]:
        for number in range(1, 201):
            text = f"Dies ist Seite {number}." if number % 2 else "  "
            yield Page(number, text, (), 200), []

    groups = [group async for group in _groups(read(), task)]
    assert [len(group.pieces) for group in groups] == [TEXTS, 100 - TEXTS]
    assert [(group.last, group.total) for group in groups] == [(127, 200), (200, 200)]


async def test_empty_pages_are_saved_too(task: Task) -> None:
    """Or all of them would be read again after a fall."""

    async def read() -> AsyncIterator[tuple[Page, list[View]]]:
        for number in range(1, 2 * PAGES + 11):
            yield Page(number, "  ", (), None), []

    groups = [group async for group in _groups(read(), task)]
    assert [group.last for group in groups] == [PAGES, 2 * PAGES, 2 * PAGES + 10]
