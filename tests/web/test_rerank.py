"""`/rerank` over HTTP, and rerank models in the search of vector stores."""

from typing import Any

import pytest

from stellwerk.features.keys.types import NewKey, Scope
from tests.web.conftest import Web
from tests.web.test_vector_stores import make, put, search, upload, work

TEXTS = ["Die Kantine hat zu.", "Gleis 17 hat eine Weiche.", "Weiche"]


async def rerank(web: Web, path: str = "/v2/rerank", **told: Any) -> Any:
    body = {"model": "ranker", "query": "Weiche", "documents": TEXTS, "top_n": 2, **told}
    return await web.client.post(path, json=body)


@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank"])
async def test_the_order_is_the_model_s(web: Web, path: str) -> None:
    answer = (await rerank(web, path)).json()
    assert [result["index"] for result in answer["results"]] == [2, 1]
    assert (answer["model"], answer["results"][0]["relevance_score"]) == ("ranker", 1.0)


async def test_other_models_cannot(web: Web) -> None:
    answer = await rerank(web, model="vectors")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "model"
    assert "cannot do /rerank. Use one of: ranker." in answer.json()["error"]["message"]


async def test_a_store_s_hits_are_ordered_anew(web: Web) -> None:
    store = (await make(web))["id"]
    for number, text in enumerate(TEXTS):
        await put(web, store, await upload(web, f"{number}.txt", text.encode()))
    assert await work(web) == 3
    options = {"ranker": "ranker"}
    found = await search(web, store, "Weiche", ranking_options=options)
    assert [hit["filename"] for hit in found] == ["2.txt", "1.txt", "0.txt"]
    assert [round(hit["score"], 2) for hit in found] == [1.0, 0.45, 0.0]
    [best] = await search(web, store, "Weiche", ranking_options={**options, "score_threshold": 0.9})
    assert best["filename"] == "2.txt"


@pytest.mark.parametrize(("ranker", "status"), [("vectors", 400), ("nobody", 404), ("ranker", 403)])
async def test_a_wrong_ranker_costs_nothing(web: Web, ranker: str, status: int) -> None:
    store = (await make(web))["id"]
    allowed = NewKey(name="few", scopes=(Scope.FILES, Scope.INFERENCE), models=("vectors",))
    if status == 403:
        key = (await web.hub.keys.create(allowed)).key
        web.client.headers["Authorization"] = f"Bearer {key}"
    answer = await web.client.post(
        f"/v1/vector_stores/{store}/search",
        json={"query": "x", "ranking_options": {"ranker": ranker}},
    )
    assert answer.status_code == status
    assert answer.json()["error"]["param"] == "ranking_options.ranker"
    assert web.embedding.texts == []
