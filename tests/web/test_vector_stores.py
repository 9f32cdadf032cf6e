"""Vector stores over HTTP; ingests are done by a worker of one claim."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from stellwerk.base.settings import QueueSettings, Settings
from stellwerk.compose.stores import ingest
from stellwerk.features.keys.types import Scope
from stellwerk.features.queue.claims import Claims, Room
from stellwerk.ports.reading import InvalidFileError, UnsupportedFileError
from tests import documents
from tests.web.conftest import Web

GERMAN = "Die Weiche 17 im Bahnhof Altona klemmt bei Frost. Das Schaltwerk XK-4711 wurde getauscht."
ENGLISH = "The signal box controls the switches of the station. Oil the points every four weeks."
LUNCH = "In der Kantine gibt es am Freitag Fisch mit Kartoffeln."


MANY = {"type": "in", "key": "a", "value": list(range(100))}


async def upload(web: Web, name: str, data: bytes) -> str:
    made = await web.client.post(
        "/v1/files", files={"file": (name, data)}, data={"purpose": "assistants"}
    )
    return str(made.json()["id"])


async def make(web: Web, **told: Any) -> dict[str, Any]:
    answer = await web.client.post("/v1/vector_stores", json={"name": "plans", **told})
    made: dict[str, Any] = answer.json()
    assert answer.status_code == 200, made
    return made


async def put(web: Web, store: str, file: str, **told: Any) -> dict[str, Any]:
    answer = await web.client.post(
        f"/v1/vector_stores/{store}/files", json={"file_id": file, **told}
    )
    made: dict[str, Any] = answer.json()
    assert answer.status_code == 200, made
    return made


async def work(web: Web, most: int = 100) -> int:
    """Run what is queued, as a worker does; how many ended well."""
    operation = ingest(web.hub.database, web.hub.files, web.hub.runner, Settings())
    done = 0
    async with Claims(web.hub.database, "test", timedelta(minutes=5)) as claims:
        await claims.enter()
        room = Room(slots=most, operations=["ingest"], each=most, models={})
        for job in await claims.claim(room):
            secret = web.client.headers["authorization"].removeprefix("Bearer ")
            try:
                await operation.run(job, await web.hub.keyring.principal(secret))
            except (InvalidFileError, UnsupportedFileError):
                continue
            done += 1
    return done


async def search(web: Web, store: str, query: Any, **told: Any) -> list[dict[str, Any]]:
    answer = await web.client.post(
        f"/v1/vector_stores/{store}/search", json={"query": query, **told}
    )
    found: dict[str, Any] = answer.json()
    assert answer.status_code == 200, found
    assert found["object"] == "vector_store.search_results.page"
    return list(found["data"])


@pytest.fixture
async def plans(web: Web) -> str:
    """A store of three files with attributes."""
    store = str((await make(web))["id"])
    files = [("weiche.pdf", documents.pdf(["Deckblatt", GERMAN]), {"year": 2024, "site": "Altona"})]
    files += [("box.txt", ENGLISH.encode(), {"year": 2025, "site": "York"})]
    files += [("lunch.md", LUNCH.encode(), {"year": 2026})]
    for name, data, attributes in files:
        await put(web, store, await upload(web, name, data), attributes=attributes)
    assert await work(web) == 3
    return store


async def test_a_store_s_life(web: Web) -> None:
    file = await upload(web, "a.txt", GERMAN.encode())
    store = await make(web, metadata={"team": "track"})
    assert store == {
        "id": store["id"],
        "object": "vector_store",
        "created_at": store["created_at"],
        "name": "plans",
        "description": None,
        "usage_bytes": 0,
        "file_counts": dict.fromkeys(store["file_counts"], 0),
        "status": "completed",
        "expires_after": None,
        "expires_at": None,
        "last_active_at": store["created_at"],
        "metadata": {"text_embedding_model": "vectors", "team": "track"},
    }
    place = f"/v1/vector_stores/{store['id']}"
    put_in = await put(web, store["id"], file)
    assert (put_in["status"], put_in["pages_done"], put_in["pages"]) == ("in_progress", 0, None)
    assert (await web.client.get(place)).json()["status"] == "in_progress"
    assert await work(web) == 1
    ready = (await web.client.get(f"{place}/files/{file}")).json()
    assert (ready["status"], ready["last_error"], ready["pages_done"]) == ("completed", None, 1)
    assert ready["usage_bytes"] > len(GERMAN)
    assert (await web.client.get(place)).json()["file_counts"]["completed"] == 1
    content = (await web.client.get(f"{place}/files/{file}/content")).json()
    assert content["data"] == [{"type": "text", "text": GERMAN}]
    changed = await web.client.post(place, json={"name": "other", "metadata": None})
    assert (changed.json()["name"], "team" in changed.json()["metadata"]) == ("other", False)
    gone = await web.client.delete(f"{place}/files/{file}")
    assert gone.json()["object"] == "vector_store.file.deleted"
    assert await search(web, store["id"], "Weiche") == []
    assert (await web.client.delete(place)).json()["deleted"] is True
    assert (await web.client.get(place)).status_code == 404
    assert (await web.client.get(f"/v1/files/{file}")).status_code == 200


async def test_search_finds_the_page(web: Web, plans: str) -> None:
    best = (await search(web, plans, "Welche Weiche klemmt?"))[0]
    assert best == {
        "file_id": best["file_id"],
        "filename": "weiche.pdf",
        "score": 1.0,
        "attributes": {"year": 2024.0, "site": "Altona"},
        "content": [{"type": "text", "text": GERMAN}],
        "page_number": 2,
        "file_type": ".pdf",
        "created_at": best["created_at"],
    }
    for query, name in [
        ("XK-4711", "weiche.pdf"),
        ("oiling points", "box.txt"),
        ("Kartoffel", "lunch.md"),
    ]:
        assert (await search(web, plans, query))[0]["filename"] == name
    several = await search(web, plans, ["Fisch", "signal box"], max_num_results=2)
    assert {hit["filename"] for hit in several} == {"lunch.md", "box.txt"}


async def test_words_or_meaning_alone(web: Web, plans: str) -> None:
    words = {"hybrid_search": {"embedding_weight": 0, "text_weight": 1}}
    found = await search(web, plans, "Kartoffel", ranking_options=words)
    assert [hit["filename"] for hit in found] == ["lunch.md"]
    meaning = {"hybrid_search": {"embedding_weight": 1, "text_weight": 0}}
    assert len(await search(web, plans, "Kartoffel", ranking_options=meaning)) == 4
    sure = {"score_threshold": 0.95}
    assert len(await search(web, plans, "Welche Weiche klemmt?", ranking_options=sure)) == 1


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"type": "eq", "key": "site", "value": "York"}, {"box.txt"}),
        ({"type": "ne", "key": "site", "value": "York"}, {"weiche.pdf", "lunch.md"}),
        ({"type": "gt", "key": "year", "value": 2024}, {"box.txt", "lunch.md"}),
        ({"type": "gte", "key": "year", "value": 2025}, {"box.txt", "lunch.md"}),
        ({"type": "lt", "key": "year", "value": 2025}, {"weiche.pdf"}),
        ({"type": "lte", "key": "year", "value": 2025}, {"weiche.pdf", "box.txt"}),
        ({"type": "lte", "key": "year", "value": "2025"}, set()),
        ({"type": "in", "key": "year", "value": [2024, 2026]}, {"weiche.pdf", "lunch.md"}),
        ({"type": "nin", "key": "site", "value": ["York"]}, {"weiche.pdf", "lunch.md"}),
        (
            {
                "type": "and",
                "filters": [
                    {"type": "gt", "key": "year", "value": 2024},
                    {
                        "type": "or",
                        "filters": [
                            {"type": "eq", "key": "site", "value": "York"},
                            {"type": "eq", "key": "year", "value": 1},
                        ],
                    },
                ],
            },
            {"box.txt"},
        ),
    ],
)
async def test_filters(web: Web, plans: str, given: dict[str, Any], names: set[str]) -> None:
    found = await search(web, plans, "die Weiche", filters=given)
    assert {hit["filename"] for hit in found} == names


@pytest.mark.parametrize(
    ("told", "param"),
    [
        ({"filters": {"type": "like", "key": "a", "value": "b"}}, "filters.type"),
        ({"filters": {"type": "eq", "value": "b"}}, "filters.key"),
        ({"filters": {"type": "eq", "key": "a", "value": {}}}, "filters.value"),
        ({"filters": {"type": "eq", "key": "a", "value": "\0"}}, "filters.value"),
        ({"filters": {"type": "in", "key": "a", "value": []}}, "filters.value"),
        ({"filters": {"type": "and", "filters": [{}]}}, "filters.filters[0].type"),
        ({"filters": {"type": "eq", "key": "a", "value": 10**30}}, "filters.value"),
        ({"filters": {"type": "or", "filters": [MANY] * 30}}, "filters"),
        ({"top_k_images": 2}, "top_k_images"),
        ({"rewrite_query": True}, "rewrite_query"),
        ({"max_num_results": 51}, "max_num_results"),
        ({"query": ""}, "query"),
        ({"limit": 3}, "limit"),
        ({"ranking_options": {"score_threshold": 2}}, "ranking_options.score_threshold"),
    ],
)
async def test_a_wrong_search_is_named(web: Web, told: dict[str, Any], param: str) -> None:
    store = (await make(web))["id"]
    body = {"query": "x", **told}
    answer = await web.client.post(f"/v1/vector_stores/{store}/search", json=body)
    assert answer.status_code == 400
    assert str(answer.json()["error"]["param"]).startswith(param)


@pytest.mark.parametrize(
    ("told", "param"),
    [
        ({"chunking_strategy": {"vision_embedding_model": "chat"}}, "chunking_strategy.vision"),
        ({"chunking_strategy": {"text_embedding_model": "chat"}}, "chunking_strategy.text"),
        ({"chunking_strategy": {"text_embedding_model": "org/voice"}}, "chunking_strategy.text"),
        ({"chunking_strategy": {"type": "static"}}, "chunking_strategy"),
        ({"chunking_strategy": {"chunk_size": 100, "chunk_overlap": 60}}, "chunking_strategy"),
        ({"expires_after": {"anchor": "last_active_at", "days": 0}}, "expires_after.days"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "metadata"),
        ({"names": "x"}, "names"),
    ],
)
async def test_a_wrong_store_is_named(web: Web, told: dict[str, Any], param: str) -> None:
    answer = await web.client.post("/v1/vector_stores", json=told)
    assert answer.status_code == 400
    assert str(answer.json()["error"]["param"]).startswith(param)


async def test_a_file_that_is_not_there_leaves_no_store(web: Web) -> None:
    answer = await web.client.post("/v1/vector_stores", json={"file_ids": ["file-" + "0" * 32]})
    assert answer.status_code == 404
    assert (await web.client.get("/v1/vector_stores")).json()["data"] == []


async def test_it_belongs_to_its_project(web: Web, plans: str) -> None:
    file = (await web.client.get("/v1/files")).json()["data"][0]["id"]
    web.client.headers.update(await web.key("other", *Scope, project="other"))
    own = (await make(web))["id"]
    place = f"/v1/vector_stores/{plans}"
    answers = [
        await web.client.get(place),
        await web.client.post(place, json={"name": "mine"}),
        await web.client.post(f"{place}/search", json={"query": "x"}),
        await web.client.get(f"{place}/files"),
        await web.client.get(f"{place}/files/{file}"),
        await web.client.get(f"{place}/files/{file}/content"),
        await web.client.delete(f"{place}/files/{file}"),
        await web.client.post(f"{place}/files", json={"file_id": file}),
        await web.client.post(f"/v1/vector_stores/{own}/files", json={"file_id": file}),
        await web.client.post(f"{place}/file_batches", json={"file_ids": [file]}),
        await web.client.delete(place),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert [one["id"] for one in (await web.client.get("/v1/vector_stores")).json()["data"]] == [
        own
    ]


async def test_a_file_that_cannot_be_read_says_why(web: Web) -> None:
    store = (await make(web))["id"]
    bad = [("a.pdf", documents.pdf(["x"], password="p"), "encrypted", "invalid_file")]
    bad += [("a.exe", b"MZ\0\0" * 99, "not read here", "unsupported_file")]
    bad += [("a.png", documents.picture("Weiche"), "no text in the file", "invalid_file")]
    for name, data, said, code in bad:
        file = await upload(web, name, data)
        await put(web, store, file)
        assert await work(web) == 0
        shown = (await web.client.get(f"/v1/vector_stores/{store}/files/{file}")).json()
        assert (shown["status"], shown["last_error"]["code"]) == ("failed", code)
        assert said in shown["last_error"]["message"]
    counts = (await web.client.get(f"/v1/vector_stores/{store}")).json()["file_counts"]
    assert (counts["failed"], counts["total"]) == (3, 3)


async def test_batches(web: Web) -> None:
    store = (await make(web))["id"]
    files = [await upload(web, f"{n}.txt", f"{GERMAN} Blatt {n}".encode()) for n in range(3)]
    place = f"/v1/vector_stores/{store}/file_batches"
    made = (await web.client.post(place, json={"file_ids": files[:2]})).json()
    assert (made["status"], made["file_counts"]["in_progress"]) == ("in_progress", 2)
    each = [{"file_id": files[2], "attributes": {"n": 2}}]
    other = (await web.client.post(place, json={"files": each})).json()
    stopped = (await web.client.post(f"{place}/{other['id']}/cancel")).json()
    assert (stopped["status"], stopped["file_counts"]["cancelled"]) == ("cancelled", 1)
    await work(web)
    done = (await web.client.get(f"{place}/{made['id']}")).json()
    assert (done["status"], done["file_counts"]["completed"]) == ("completed", 2)
    page = (await web.client.get(f"{place}/{made['id']}/files?order=asc&limit=1")).json()
    assert ([one["id"] for one in page["data"]], page["has_more"]) == (files[:1], True)
    assert len(await search(web, store, "Weiche")) == 2
    assert (await web.client.get(f"{place}/vsfb_{'0' * 32}")).status_code == 404


async def test_a_batch_stays_when_its_files_go(web: Web) -> None:
    store = (await make(web))["id"]
    files = [await upload(web, f"{n}.txt", f"{GERMAN} Blatt {n}".encode()) for n in range(2)]
    place = f"/v1/vector_stores/{store}/file_batches"
    first, second = [
        (await web.client.post(place, json={"file_ids": files})).json() for _ in range(2)
    ]
    await web.client.delete(f"/v1/files/{files[0]}")
    for batch, total in ((first, 0), (second, 1)):
        shown = (await web.client.get(f"{place}/{batch['id']}")).json()
        assert (shown["created_at"], shown["file_counts"]["total"]) == (batch["created_at"], total)


async def test_files_wait_in_the_queue_s_quota(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web.hub.queueing.quota, "_settings", QueueSettings(waiting=2))
    store = (await make(web))["id"]
    files = [await upload(web, f"{n}.txt", f"{GERMAN} Blatt {n}".encode()) for n in range(3)]
    place = f"/v1/vector_stores/{store}"
    full = await web.client.post(f"{place}/file_batches", json={"file_ids": files})
    assert (full.status_code, full.json()["error"]["code"]) == (429, "queue_full")
    await web.client.post(f"{place}/file_batches", json={"file_ids": files[:2]})
    for path, body in (
        (f"{place}/files", {"file_id": files[2]}),
        ("/v1/vector_stores", {"file_ids": files[2:]}),
    ):
        assert (await web.client.post(path, json=body)).status_code == 429
    assert len((await web.client.get("/v1/vector_stores")).json()["data"]) == 1


async def test_a_file_whose_time_is_over_is_not_put_in(web: Web) -> None:
    store = (await make(web))["id"]
    file = await upload(web, "a.txt", GERMAN.encode())
    async with web.hub.database.begin() as connection:
        await connection.execute(text("update files set expires_at = now()"))
    place = f"/v1/vector_stores/{store}/files"
    answer = await web.client.post(place, json={"file_id": file})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "file_not_found")


async def test_the_metadata_tell_the_models_as_they_are(web: Web) -> None:
    store = await make(web, metadata={"text_embedding_model": "another"})
    assert store["metadata"] == {"text_embedding_model": "vectors"}


async def test_the_same_bytes_are_embedded_once(web: Web, plans: str) -> None:
    other = (await make(web))["id"]
    again = await upload(web, "copy.pdf", documents.pdf(["Deckblatt", GERMAN]))
    await put(web, other, again)
    web.embedding.texts.clear()
    assert await work(web) == 1
    assert web.embedding.texts == []
    hit = (await search(web, other, "Welche Weiche klemmt?"))[0]
    assert (hit["filename"], hit["page_number"]) == ("copy.pdf", 2)


async def test_deleting_the_file_takes_its_chunks(web: Web, plans: str) -> None:
    hit = (await search(web, plans, "Kartoffel"))[0]
    await web.client.delete(f"/v1/files/{hit['file_id']}")
    assert {one["filename"] for one in await search(web, plans, "Kartoffel")} == {
        "weiche.pdf",
        "box.txt",
    }


async def test_a_store_ends_when_nobody_uses_it(web: Web, plans: str) -> None:
    life = {"anchor": "last_active_at", "days": 1}
    place = f"/v1/vector_stores/{plans}"
    changed = (await web.client.post(place, json={"expires_after": life})).json()
    assert changed["expires_at"] == changed["last_active_at"] + 86_400
    async with web.hub.database.begin() as connection:
        await connection.execute(
            text("update vector_stores set last_active_at = now() - interval '2 days'")
        )
    assert (await web.client.get(place)).json()["status"] == "expired"
    answer = await web.client.post(f"{place}/search", json={"query": "x"})
    assert answer.json()["error"]["code"] == "vector_store_expired"
    await web.hub.stores.stores.expire()
    async with web.hub.database.connect() as connection:
        assert await connection.scalar(text("select count(*) from vector_store_chunks")) == 0


async def test_an_ingest_whose_workers_died_is_told(web: Web) -> None:
    store = (await make(web))["id"]
    file = await upload(web, "a.txt", GERMAN.encode())
    await put(web, store, file)
    await web.hub.stores.attached.reconcile()
    place = f"/v1/vector_stores/{store}/files/{file}"
    assert (await web.client.get(place)).json()["status"] == "in_progress"
    async with web.hub.database.begin() as connection:
        await connection.execute(text("update requests set state = 'failed'"))
    await web.hub.stores.attached.reconcile()
    shown = (await web.client.get(place)).json()
    assert (shown["status"], shown["last_error"]["code"]) == ("failed", "server_error")


async def test_it_needs_both_scopes(web: Web, plans: str) -> None:
    only_files = await web.key("files", Scope.FILES)
    place = f"/v1/vector_stores/{plans}"
    assert (await web.client.get(place, headers=only_files)).status_code == 200
    for path, body in [("search", {"query": "x"}), ("files", {"file_id": "x"})]:
        answer = await web.client.post(f"{place}/{path}", json=body, headers=only_files)
        assert answer.status_code == 403
    plain = await web.key("plain", Scope.INFERENCE)
    assert (await web.client.get(place, headers=plain)).status_code == 403
