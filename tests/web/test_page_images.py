"""Page images over HTTP: found by what their pictures say, shown, and gone with their file."""

import base64
import io
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import text

from stellwerk.features.keys.types import NewKey, Scope
from tests import documents
from tests.coloured_texts import coloured
from tests.web.conftest import Web
from tests.web.test_vector_stores import make, put, search, upload, work

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
SAID = {
    RED: "Umsatz der Kantine im Quartal",
    GREEN: "Lageplan der Weichen im Bahnhof\n\nGleis 17",
    BLUE: "Organisation chart of the signal box",
}
VISUAL = {"chunking_strategy": {"vision_embedding_model": "reader"}}


@pytest.fixture
async def visual(web: Web) -> str:
    """A store with page images: three pictures and a PDF of two pages."""
    web.ocr.texts.update(SAID)
    web.ocr.texts[WHITE] = "Betriebsanleitung"
    store = await make(web, **VISUAL)
    assert store["metadata"] == {
        "text_embedding_model": "vectors",
        "vision_embedding_model": "reader",
    }
    for number, colour in enumerate(SAID):
        file = await upload(web, f"{number}.png", coloured(colour))
        await put(web, store["id"], file, attributes={"n": number})
    pages = ["Diese Seite hat einen langen Text über Schwellen.", "Und diese einen über Schotter."]
    await put(web, store["id"], await upload(web, "a.pdf", documents.pdf(pages)))
    assert await work(web) == 4
    return str(store["id"])


async def images(web: Web, store: str, query: Any, **told: Any) -> list[dict[str, Any]]:
    return await search(web, store, query, **{"top_k_images": 2, "top_k_texts": 0, **told})


async def blobs(web: Web) -> list[str]:
    return await web.hub.files.heaps.blobs.keys("pages")


async def test_a_page_is_found_by_its_picture(web: Web, visual: str) -> None:
    best, _ = await images(web, visual, "Weichen im Bahnhof")
    assert best == {
        "file_id": best["file_id"],
        "filename": "1.png",
        "score": best["score"],
        "attributes": {"n": 1.0},
        "content": [{"type": "base64", "text": best["content"][0]["text"]}],
        "page_number": 1,
        "file_type": ".png",
        "created_at": best["created_at"],
    }
    head, _, data = best["content"][0]["text"].partition(",")
    assert head == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(data)), formats=["PNG"]) as picture:
        assert (picture.size, picture.getpixel((50, 50))) == ((200, 100), GREEN)


async def test_one_label_is_enough(web: Web, visual: str) -> None:
    [best] = await images(web, visual, "Gleis 17", top_k_images=1)
    assert (best["filename"], round(best["score"], 2)) == ("1.png", 1.0)


async def test_pages_of_a_pdf_are_drawn(web: Web, visual: str) -> None:
    found = await images(web, visual, "Betriebsanleitung")
    assert [(hit["filename"], hit["page_number"]) for hit in found] == [("a.pdf", 1), ("a.pdf", 2)]
    data = base64.b64decode(found[0]["content"][0]["text"].partition(",")[2])
    with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
        assert picture.size == (725, 1024)


async def test_images_come_before_texts(web: Web, visual: str) -> None:
    found = await search(web, visual, "Umsatz der Kantine", top_k_images=1, top_k_texts=2)
    assert [hit["content"][0]["type"] for hit in found] == ["base64", "text", "text"]
    assert {hit["filename"] for hit in found[:2]} == {"0.png"}
    only = await search(web, visual, "Umsatz der Kantine")
    assert {hit["content"][0]["type"] for hit in only} == {"text"}


async def test_filters_and_several_questions(web: Web, visual: str) -> None:
    several = await images(web, visual, ["Umsatz Kantine", "signal box chart"])
    assert {hit["filename"] for hit in several} == {"0.png", "2.png"}
    kept = {"type": "eq", "key": "n", "value": 2}
    found = await images(web, visual, "Umsatz der Kantine", filters=kept)
    assert [hit["filename"] for hit in found] == ["2.png"]


async def test_a_scan_s_text_is_text_in_every_store(web: Web) -> None:
    """OCR is for texts too; but a page that has its own text is not read by it."""
    web.ocr.texts.update(SAID)
    store = (await make(web))["id"]
    await put(web, store, await upload(web, "scan.png", coloured(RED)))
    long = ["Diese Seite hat einen langen Text über Schwellen."]
    await put(web, store, await upload(web, "a.pdf", documents.pdf(long)))
    assert await work(web) == 2
    assert web.ocr.read == 1
    best = (await search(web, store, "Umsatz"))[0]
    assert best["content"] == [{"type": "text", "text": SAID[RED]}]
    assert await blobs(web) == []


async def test_nothing_to_read_says_so(web: Web) -> None:
    store = (await make(web, **VISUAL))["id"]
    file = await upload(web, "photo.png", coloured((1, 2, 3)))
    await put(web, store, file)
    assert await work(web) == 0
    shown = (await web.client.get(f"/v1/vector_stores/{store}/files/{file}")).json()
    assert "not in its pictures either" in shown["last_error"]["message"]
    assert await blobs(web) == []


async def test_pictures_go_with_what_they_are_of(web: Web, visual: str) -> None:
    listed = (await web.client.get(f"/v1/vector_stores/{visual}/files?order=asc")).json()["data"]
    first, second, third, _ = (one["id"] for one in listed)
    assert len(await blobs(web)) == 5
    await web.client.delete(f"/v1/vector_stores/{visual}/files/{first}")
    assert len(await blobs(web)) == 4
    await web.client.delete(f"/v1/files/{second}")
    assert len(await blobs(web)) == 3
    # One that is put in again is drawn anew.
    await put(web, visual, third)
    assert await work(web) == 1
    await web.hub.files.heaps.sweep()
    assert len(await blobs(web)) == 3
    await web.client.delete(f"/v1/vector_stores/{visual}")
    assert await blobs(web) == []
    async with web.hub.database.connect() as connection:
        for table in ("vector_store_pages", "vector_store_page_vectors", "blob_orphans"):
            assert await connection.scalar(text(f"select count(*) from {table}")) == 0


async def test_the_same_bytes_are_looked_at_once(web: Web, visual: str) -> None:
    read = web.ocr.read
    other = (await make(web, **VISUAL))["id"]
    await put(web, other, await upload(web, "copy.png", coloured(GREEN)))
    web.embedding.texts.clear()
    assert await work(web) == 1
    assert (web.ocr.read, web.embedding.texts) == (read, [])
    await web.client.delete(f"/v1/vector_stores/{visual}")
    [best] = await images(web, other, "Weichen im Bahnhof")
    assert best["filename"] == "copy.png"
    assert best["content"][0]["text"].startswith("data:image/png;base64,iVBOR")


async def test_a_store_without_page_model_draws_again_for_one_with(web: Web) -> None:
    """What was taken in without pictures is no twin for a store that wants them."""
    web.ocr.texts.update(SAID)
    for told in ({}, VISUAL):
        store = (await make(web, **told))["id"]
        await put(web, store, await upload(web, "a.png", coloured(RED)))
        assert await work(web) == 1
    assert len(await images(web, store, "Umsatz")) == 1


async def test_who_may_not_use_the_page_model(web: Web) -> None:
    new = NewKey(name="texts", scopes=(Scope.FILES, Scope.INFERENCE), models=("vectors",))
    key = (await web.hub.keys.create(new)).key
    headers = {"Authorization": f"Bearer {key}"}
    answer = await web.client.post("/v1/vector_stores", json=VISUAL, headers=headers)
    assert answer.status_code == 403
