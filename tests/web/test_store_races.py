"""Vector stores that are changed by several at once: each waits its turn, and nothing is left."""

import asyncio
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import text

from stellwerk.features.queue.errors import NotYetError
from stellwerk.features.queue.types import Job
from stellwerk.features.stores.index import Chunk, Index, Task
from stellwerk.worker.verdict import Again, verdict
from tests.coloured_texts import coloured
from tests.web.conftest import Web
from tests.web.test_page_images import RED, SAID, VISUAL, blobs
from tests.web.test_store_faults import attempt, claimed
from tests.web.test_vector_stores import GERMAN, make, put, search, upload, work

VECTOR = np.ones(256, np.float32)
SLOW = """
create function slowly() returns trigger language plpgsql as
$$ begin perform pg_sleep(0.3); return new; end $$
"""


async def begun(web: Web) -> tuple[str, Task]:
    """A store, and what a worker does in it; the worker's writes take their time."""
    store = (await make(web))["id"]
    file = await upload(web, "a.txt", GERMAN.encode())
    await put(web, store, file)
    async with web.hub.database.begin() as connection:
        name = await connection.scalar(text("select request_id from vector_store_files"))
        await connection.execute(text(SLOW))
        await connection.execute(
            text(
                "create trigger slow after update on vector_store_files for each row"
                " when (new.pages_done > old.pages_done) execute function slowly()"
            )
        )
    task = await Index(web.hub.database).task(store, file, name)
    assert task is not None
    return store, task


async def saved_beside(web: Web, task: Task, asked: Any) -> tuple[Task | None, httpx.Response]:
    """What becomes of a save, and of a request that comes in its middle."""
    index = Index(web.hub.database)
    saving = asyncio.create_task(index.save(task, [Chunk(1, "x", "german", VECTOR)], 1, 2))
    async with web.hub.database.connect() as connection:
        sleeping = text("select count(*) from pg_stat_activity where wait_event = 'PgSleep'")
        while not await connection.scalar(sleeping):
            await asyncio.sleep(0.01)
    answer = await asked
    return await saving, answer


async def count(web: Web, table: str) -> int:
    async with web.hub.database.connect() as connection:
        return int(await connection.scalar(text(f"select count(*) from {table}")))


async def test_a_store_is_deleted_in_the_middle_of_a_save(web: Web) -> None:
    store, task = await begun(web)
    deletion = web.client.delete(f"/v1/vector_stores/{store}")
    saved, answer = await saved_beside(web, task, deletion)
    assert (answer.status_code, saved is not None) == (200, True)
    assert await count(web, "vector_store_chunks") == 0
    assert saved is not None
    new = [Chunk(2, "y", "german", VECTOR)]
    assert await Index(web.hub.database).save(saved, new, 2, 2) is None


async def test_a_file_is_put_in_again_in_the_middle_of_a_save(web: Web) -> None:
    """Nothing of the first ingest is left for the second to double."""
    store, task = await begun(web)
    again = web.client.post(f"/v1/vector_stores/{store}/files", json={"file_id": task.file_id})
    _, answer = await saved_beside(web, task, again)
    assert (answer.status_code, answer.json()["pages_done"]) == (200, 0)
    assert await count(web, "vector_store_chunks") == 0
    # The first one finds that nobody wants it any more.
    assert await work(web) == 2
    assert await count(web, "vector_store_chunks") == 1


async def test_a_batch_is_cancelled_in_the_middle_of_a_save(web: Web) -> None:
    store, task = await begun(web)
    name = "vsfb_" + "0" * 32
    async with web.hub.database.begin() as connection:
        batch = text("insert into vector_store_file_batches (id, store_id) values (:id, :store)")
        await connection.execute(batch, {"id": name, "store": store})
        await connection.execute(text(f"update vector_store_files set batch_id = '{name}'"))
    cancel = web.client.post(f"/v1/vector_stores/{store}/file_batches/{name}/cancel")
    _, answer = await saved_beside(web, task, cancel)
    assert answer.json()["status"] == "cancelled"
    assert await count(web, "vector_store_chunks") == 0
    place = f"/v1/vector_stores/{store}/files/{task.file_id}"
    shown = (await web.client.get(place)).json()
    assert (shown["status"], shown["pages_done"], shown["usage_bytes"]) == ("cancelled", 0, 0)
    assert await work(web) == 1
    assert await search(web, store, "Weiche") == []


@pytest.mark.parametrize("table", ["vector_stores", "files"])
async def test_what_a_file_is_put_into_is_being_deleted(web: Web, table: str) -> None:
    store = (await make(web))["id"]
    file = await upload(web, "a.txt", GERMAN.encode())
    place = f"/v1/vector_stores/{store}/files"
    async with web.hub.database.begin() as connection:
        await connection.execute(text(f"delete from {table}"))
        asked = asyncio.create_task(web.client.post(place, json={"file_id": file}))
        waiting = text("select count(*) from pg_stat_activity where wait_event_type = 'Lock'")
        while not await connection.scalar(waiting):
            await asyncio.sleep(0.01)
    assert (await asked).status_code == 404


async def begun_twice(web: Web) -> tuple[list[str], list[Job]]:
    """Two stores with the same file, and the claimed requests that put it into them."""
    stores = [(await make(web))["id"] for _ in range(2)]
    file = await upload(web, "a.txt", GERMAN.encode())
    for store in stores:
        await put(web, store, file)
    return stores, await claimed(web, 2)


async def test_the_same_bytes_at_once(web: Web) -> None:
    """The one that was begun later waits for the other, and takes over what it made."""
    stores, (first, second) = await begun_twice(web)
    async with web.hub.database.begin() as connection:
        await connection.execute(text("update requests set started_at = created_at"))
    with pytest.raises(NotYetError) as told:
        await attempt(web, second, second.max_attempts)
    again = verdict(second, told.value)
    assert isinstance(again, Again)
    assert not again.counts
    for job in (first, second):
        await attempt(web, job, 1)
    assert web.embedding.texts == [GERMAN]
    for store in stores:
        assert (await search(web, store, "Weiche"))[0]["content"][0]["text"] == GERMAN


async def test_the_same_bytes_when_the_first_fails(web: Web) -> None:
    stores, (_, second) = await begun_twice(web)
    await web.client.delete(f"/v1/vector_stores/{stores[0]}")
    await attempt(web, second, 1)
    assert (await search(web, stores[1], "Weiche"))[0]["content"][0]["text"] == GERMAN


async def test_two_deletes_at_once(web: Web) -> None:
    web.ocr.texts.update(SAID)
    for path in ("/v1/vector_stores/{store}/files/{file}", "/v1/files/{file}"):
        store = (await make(web, **VISUAL))["id"]
        file = await upload(web, "a.png", coloured(RED))
        await put(web, store, file)
        assert await work(web) == 1
        place = path.format(store=store, file=file)
        answers = await asyncio.gather(*(web.client.delete(place) for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404]
        assert await blobs(web) == []
        place = f"/v1/vector_stores/{store}"
        answers = await asyncio.gather(*(web.client.delete(place) for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404]


async def test_everything_is_deleted_at_once(web: Web) -> None:
    web.ocr.texts.update(SAID)
    store = (await make(web, **VISUAL))["id"]
    files = [await upload(web, f"{n}.png", coloured(colour)) for n, colour in enumerate(SAID)]
    await web.client.post(f"/v1/vector_stores/{store}/file_batches", json={"file_ids": files})
    assert await work(web) == 3
    places = [f"/v1/vector_stores/{store}"]
    places += [f"/v1/vector_stores/{store}/files/{file}" for file in files]
    places += [f"/v1/files/{file}" for file in files]
    answers = await asyncio.gather(*(web.client.delete(place) for place in places))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {200, 404}
    assert [statuses[0], *statuses[-3:]] == [200] * 4
    for table in ("files", "vector_stores", "vector_store_pages", "vector_store_page_vectors"):
        assert await count(web, table) == 0
    await web.hub.files.heaps.sweep()
    assert await web.hub.files.heaps.blobs.keys() == []
