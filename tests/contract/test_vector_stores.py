"""Vector stores with the official SDK, a real embedding model and a real worker."""

import base64
import io
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from tests import documents
from tests.contract.conftest import CHAT, EMBEDDING, OCR
from tests.server import Server

PAGES = [
    "Deckblatt der Betriebsanleitung",
    "Die Weiche 17 im Bahnhof Altona klemmt bei Frost. Das Schaltwerk XK-4711 wurde getauscht.",
    "Die Zungen werden alle vier Wochen geölt. Zuständig ist die Frühschicht.",
]
MENU = "# Speiseplan\n\nAm Freitag gibt es in der Kantine Fisch mit Kartoffeln."


@pytest.fixture(scope="module", params=["v1", "v2"])
def client(server: Server, request: pytest.FixtureRequest) -> Iterator[OpenAI]:
    url = f"{server.url}/{request.param}"
    with OpenAI(api_key=server.admin_key, base_url=url, max_retries=0) as made:
        yield made


@pytest.fixture
def store(client: OpenAI) -> Iterator[str]:
    made = client.vector_stores.create(name="manuals", metadata={"team": "track"})
    assert made.metadata == {"team": "track", "text_embedding_model": EMBEDDING}
    yield made.id
    assert client.vector_stores.delete(made.id).deleted


def test_upload_poll_search(client: OpenAI, store: str) -> None:
    file = client.vector_stores.files.upload_and_poll(
        vector_store_id=store,
        file=("anleitung.pdf", documents.pdf(PAGES)),
        attributes={"year": 2024},
        poll_interval_ms=200,
    )
    assert (file.status, file.last_error) == ("completed", None)
    menu = client.vector_stores.files.upload_and_poll(
        vector_store_id=store, file=("menu.md", MENU.encode()), poll_interval_ms=200
    )
    assert menu.status == "completed"
    for query, page in [
        ("Wie oft muss man Öl auf die Weichenzungen geben?", 3),
        ("XK-4711", 2),
        ("What happens to the switch when it freezes?", 2),
    ]:
        hits = client.vector_stores.search(store, query=query).data
        assert hits[0].filename == "anleitung.pdf"
        assert (hits[0].model_extra or {})["page_number"] == page
        assert hits[0].content[0].text == PAGES[page - 1]
    only = client.vector_stores.search(
        store, query="Weiche", filters={"type": "ne", "key": "year", "value": 2024}
    )
    assert {hit.filename for hit in only} == {"menu.md"}
    content = client.vector_stores.files.content(menu.id, vector_store_id=store)
    assert [part.text for part in content] == [MENU]
    shown = client.vector_stores.retrieve(store)
    assert (shown.status, shown.file_counts.completed) == ("completed", 2)
    client.vector_stores.files.delete(menu.id, vector_store_id=store)
    assert [one.id for one in client.vector_stores.files.list(store)] == [file.id]


def test_batches(client: OpenAI, store: str) -> None:
    files = [(f"{n}.txt", f"Blatt {n}: die Signale am Gleis {n}.".encode()) for n in range(4)]
    batch = client.vector_stores.file_batches.upload_and_poll(
        vector_store_id=store, files=files, poll_interval_ms=200
    )
    assert (batch.status, batch.file_counts.completed) == ("completed", 4)
    listed = client.vector_stores.file_batches.list_files(
        batch.id, vector_store_id=store, limit=2, order="asc"
    )
    assert len(list(listed)) == 4


def scan(text: str) -> bytes:
    """A PDF of a cover and of a page that is nothing but a picture."""
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=A4)
    canvas.drawString(60, 780, "Das Deckblatt der Quartalsberichte des Werkes")
    canvas.showPage()
    picture = ImageReader(io.BytesIO(documents.picture(text, (900, 300))))
    canvas.drawImage(picture, 60, 500, width=450, height=150)
    canvas.showPage()
    canvas.save()
    return target.getvalue()


def test_visual_rag(client: OpenAI) -> None:
    """The service's own dialect, with a page that exists only as pixels."""
    models = {"text_embedding_model": EMBEDDING, "vision_embedding_model": OCR}
    made = client.vector_stores.create(name="visual", chunking_strategy=models)  # type: ignore[arg-type]
    assert made.metadata == models
    file = client.files.create(
        file=("report.pdf", scan("Umsatz 4711 TEUR im März")),
        purpose="visual-rag",  # type: ignore[arg-type]
    )
    sizes = {"chunk_size": 1024, "chunk_overlap": 100}
    client.vector_stores.files.create(made.id, file_id=file.id, chunking_strategy=sizes)  # type: ignore[arg-type]
    done = client.vector_stores.files.poll(file.id, vector_store_id=made.id, poll_interval_ms=200)
    assert (done.status, done.last_error) == ("completed", None)
    hits = client.vector_stores.search(
        made.id,
        query="Wie hoch war der Umsatz im März?",
        extra_body={"top_k_texts": 1, "top_k_images": 1},
    ).data
    shown, read = hits
    assert [(hit.model_extra or {})["page_number"] for hit in hits] == [2, 2]
    assert [(hit.model_extra or {})["file_type"] for hit in hits] == [".pdf", ".pdf"]
    assert (shown.content[0].type, read.content[0].type) == ("base64", "text")
    assert "4711 TEUR" in read.content[0].text
    head, _, data = shown.content[0].text.partition(",")
    with Image.open(io.BytesIO(base64.b64decode(data)), formats=["PNG"]) as picture:
        assert (head, picture.size) == ("data:image/png;base64", (725, 1024))
    assert made.id in [one.id for one in client.vector_stores.list()]
    assert [one.id for one in client.vector_stores.files.list(made.id)] == [file.id]
    assert file in client.files.list(purpose="visual-rag").data
    # As the service's clients build it. No model here sees: it is told what is on the page.
    prompt: Any = [
        {"type": "text", "text": f"{read.content[0].text}\n\nWie hoch war der Umsatz?"},
        {"type": "image_url", "image_url": {"url": shown.content[0].text}},
    ]
    told = client.chat.completions.create(
        model=CHAT, messages=[{"role": "user", "content": prompt}], max_tokens=4
    )
    assert told.choices[0].message.content
    assert client.vector_stores.files.delete(file.id, vector_store_id=made.id).deleted
    assert list(client.vector_stores.files.list(made.id)) == []
    assert client.vector_stores.delete(made.id).deleted
    assert client.files.delete(file.id).deleted


def test_a_broken_file_says_so(client: OpenAI, store: str) -> None:
    file = client.vector_stores.files.upload_and_poll(
        vector_store_id=store,
        file=("secret.pdf", documents.pdf(["x"], password="p")),
        poll_interval_ms=200,
    )
    assert file.status == "failed"
    assert file.last_error
    assert (file.last_error.code, "encrypted" in file.last_error.message) == ("invalid_file", True)


def test_what_is_not_offered_is_refused(client: OpenAI, store: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.vector_stores.search(store, query="x", extra_body={"top_k_images": 2})
    assert caught.value.param == "top_k_images"
