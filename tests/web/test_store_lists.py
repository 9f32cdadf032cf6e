"""Lists of vector stores and of their files: order, pages, filters; and attributes that change."""

import json
from typing import Any

import pytest

from tests.web.conftest import Web
from tests.web.test_vector_stores import GERMAN, make, put, search, upload, work


async def listed(web: Web, path: str, query: str) -> tuple[list[str], bool]:
    page: dict[str, Any] = (await web.client.get(f"/v1/vector_stores{path}?{query}")).json()
    ids = [one["id"] for one in page["data"]]
    if ids:
        assert (page["first_id"], page["last_id"]) == (ids[0], ids[-1])
    return ids, page["has_more"]


async def check_paging(web: Web, path: str, made: list[str]) -> None:
    """Five entries, oldest first: from both ends, and between two."""
    assert await listed(web, path, "") == (made[::-1], False)
    assert await listed(web, path, "order=asc&limit=2") == (made[:2], True)
    assert await listed(web, path, f"order=asc&limit=2&after={made[1]}") == (made[2:4], True)
    assert await listed(web, path, f"order=asc&limit=2&after={made[3]}") == (made[4:], False)
    assert await listed(web, path, f"order=asc&before={made[2]}") == (made[:2], False)
    assert await listed(web, path, f"limit=1&after={made[3]}") == ([made[2]], True)


async def test_pages_of_stores(web: Web) -> None:
    await check_paging(web, "", [(await make(web, name=f"{n}"))["id"] for n in range(5)])


async def test_pages_of_files(web: Web) -> None:
    store = (await make(web))["id"]
    files = [await upload(web, f"{n}.txt", f"{GERMAN} {n}".encode()) for n in range(5)]
    for file in files:
        await put(web, store, file)
    await check_paging(web, f"/{store}/files", files)
    assert await work(web, 2) == 2
    for status, found in (("completed", files[:2]), ("in_progress", files[2:]), ("failed", [])):
        assert await listed(web, f"/{store}/files", f"order=asc&filter={status}") == (found, False)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "order=up", "after=x", "before=x", "after=%00"]
)
@pytest.mark.parametrize("path", ["", "/{store}/files"])
async def test_a_wrong_query_is_named(web: Web, path: str, query: str) -> None:
    store = (await make(web))["id"]
    answer = await web.client.get(f"/v1/vector_stores{path.format(store=store)}?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == query.partition("=")[0]


async def test_attributes_change_and_filters_see_it(web: Web) -> None:
    store = (await make(web))["id"]
    file = await upload(web, "a.txt", GERMAN.encode())
    await put(web, store, file, attributes={"year": 2024})
    assert await work(web) == 1
    place = f"/v1/vector_stores/{store}/files/{file}"
    changed = await web.client.post(place, json={"attributes": {"year": 2025, "open": True}})
    assert changed.json()["attributes"] == {"year": 2025, "open": True}
    for year, hits in ((2024, 0), (2025, 1)):
        wanted = {"type": "eq", "key": "year", "value": year}
        assert len(await search(web, store, "Weiche", filters=wanted)) == hits
    kept = {"id": 2**53 + 1, "share": 0.5, "one": 1, "yes": True}
    told = await web.client.post(place, json={"attributes": kept})
    assert json.dumps(told.json()["attributes"], sort_keys=True) == json.dumps(kept, sort_keys=True)
    for value, hits in ((2**53, 0), (2**53 + 1, 1)):
        wanted = {"type": "eq", "key": "id", "value": value}
        assert len(await search(web, store, "Weiche", filters=wanted)) == hits
    wrong = await web.client.post(place, json={"attributes": {"a": [1]}})
    assert wrong.status_code == 400


async def test_a_search_has_its_most(web: Web) -> None:
    store = (await make(web))["id"]
    for number in range(12):
        await put(web, store, await upload(web, f"{number}.txt", f"{GERMAN} {number}".encode()))
    assert await work(web) == 12
    assert len(await search(web, store, "Weiche")) == 10
    for told, number in (
        ({"max_num_results": 12}, 12),
        ({"top_k_texts": 3}, 3),
        ({"top_k_texts": 3, "max_num_results": 12}, 3),
        ({"top_k_texts": 0}, 0),
    ):
        assert len(await search(web, store, "Weiche", **told)) == number
