"""Page models that see (ColQwen and their kind): many vectors a page, and many a question."""

from typing import Any

import pytest
from sqlalchemy import text

from stellwerk.base.errors import UnavailableError
from stellwerk.features.stores.pages import MOST
from stellwerk.upstreams.failures import UpstreamError
from tests import documents
from tests.coloured_texts import coloured
from tests.web.conftest import Web
from tests.web.test_page_images import GREEN, RED, SAID, WHITE, images
from tests.web.test_vector_stores import make, put, search, upload, work

SEEING = {"chunking_strategy": {"vision_embedding_model": "sight"}}
LONG = " ".join(f"Wort{number}" for number in range(700))


@pytest.fixture
async def seen(web: Web) -> str:
    """A store of three pictures and a PDF of two pages."""
    web.ocr.texts.update(SAID | {WHITE: "Betriebsanleitung"})
    store = await make(web, **SEEING)
    assert store["metadata"]["vision_embedding_model"] == "sight"
    for number, colour in enumerate(SAID):
        await put(web, store["id"], await upload(web, f"{number}.png", coloured(colour)))
    pages = ["Diese Seite hat einen langen Text über Schwellen.", "Und diese einen über Schotter."]
    await put(web, store["id"], await upload(web, "a.pdf", documents.pdf(pages)))
    assert await work(web) == 4
    return str(store["id"])


async def test_a_page_counts_for_each_vector_of_the_question(web: Web, seen: str) -> None:
    best, second = await images(web, seen, "Weichen im Bahnhof")
    assert (best["filename"], round(best["score"], 2)) == ("1.png", 3.0)
    # "im" is in the other one.
    assert (second["filename"], round(second["score"], 2)) == ("0.png", 1.0)
    assert best["content"][0]["text"].startswith("data:image/png;base64,iVBOR")
    found = await images(web, seen, ["Betriebsanleitung", "signal box chart"], top_k_images=3)
    assert {(hit["filename"], hit["page_number"]) for hit in found} == {
        ("a.pdf", 1),
        ("a.pdf", 2),
        ("2.png", 1),
    }


async def test_scans_are_read_all_the_same(web: Web, seen: str) -> None:
    best = (await search(web, seen, "Umsatz der Kantine"))[0]
    assert (best["filename"], best["content"][0]["text"]) == ("0.png", SAID[RED])


async def test_long_pages_and_long_questions(web: Web) -> None:
    """Candidates come by means of neighbours; what counts are all vectors."""
    web.ocr.texts.update({GREEN: LONG, RED: "Wort3 Wort9"})
    store = (await make(web, **SEEING))["id"]
    for number, colour in enumerate((GREEN, RED)):
        await put(web, store, await upload(web, f"{number}.png", coloured(colour)))
    assert await work(web) == 2
    async with web.hub.database.connect() as connection:
        entered = text("select count(*) from vector_store_page_vectors")
        assert await connection.scalar(entered) == MOST + 2
    question = " ".join(LONG.split()[:100])
    best, other = await images(web, store, question)
    assert (best["filename"], other["filename"]) == ("0.png", "1.png")
    assert round(best["score"], 1) == 100.0


async def test_the_verb(web: Web) -> None:
    asked = {"model": "sight", "input": ["Weichen im Bahnhof", "Gleis"]}
    answer = await web.client.post("/v2/pooling", json=asked)
    told = answer.json()
    assert [len(one["data"]) for one in told["data"]] == [3, 1]
    assert (answer.status_code, told["model"], told["usage"]["prompt_tokens"]) == (200, "sight", 4)
    wrong = await web.client.post("/v2/pooling", json={**asked, "model": "vectors"})
    assert "cannot do /pooling. Use one of: sight." in wrong.json()["error"]["message"]
    wrong = await web.client.post("/v2/embeddings", json={**asked})
    assert "cannot do /embeddings" in wrong.json()["error"]["message"]


@pytest.mark.parametrize(
    "data",
    [
        [],
        [{"index": 0, "data": []}],
        [{"index": 0, "data": [0.5, 0.5]}],
        [{"index": 0, "data": [[0.5], [0.5, 0.5]]}],
        [{"index": 0, "data": [[0.0, 0.0]]}],
        [{"index": 0, "data": [[1e39, 0.0]]}],
        [{"index": 0, "data": [[1.0] * 4001]}],
        [{"index": 0, "data": [[1.0]]}, {"index": 1, "data": [[1.0]]}],
        "x",
    ],
    ids=["none", "empty", "pooled", "ragged", "zero", "infinite", "wide", "many", "text"],
)
async def test_an_answer_that_is_none(web: Web, data: Any) -> None:
    web.ocr.texts.update(SAID)
    store = (await make(web, **SEEING))["id"]
    web.ocr.answer = data
    await put(web, store, await upload(web, "0.png", coloured(RED)))
    with pytest.raises((UpstreamError, UnavailableError), match="something else than the vectors"):
        await work(web)
    answer = await web.client.post(
        f"/v1/vector_stores/{store}/search", json={"query": "x", "top_k_images": 1}
    )
    assert (answer.status_code, answer.json()["error"]["type"]) == (502, "upstream_error")


async def test_a_model_whose_vectors_changed(web: Web, seen: str) -> None:
    web.ocr.answer = [{"index": 0, "data": [[1.0, 0.0]]}]
    answer = await web.client.post(
        f"/v1/vector_stores/{seen}/search", json={"query": "x", "top_k_images": 1}
    )
    assert answer.json()["error"]["code"] == "embedding_model_changed"
