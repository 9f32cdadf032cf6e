"""What goes wrong with a file on its way into a vector store, and what its owner is told."""

import asyncio
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from stellwerk.base.errors import UnavailableError
from stellwerk.base.settings import Settings
from stellwerk.compose.stores import ingest
from stellwerk.features.queue.claims import Claims, Room
from stellwerk.features.queue.types import Job
from tests import documents
from tests.callers import callers
from tests.coloured_texts import coloured
from tests.disks import small_disk
from tests.web.conftest import Web
from tests.web.test_page_images import RED, SAID, VISUAL, blobs
from tests.web.test_vector_stores import GERMAN, make, put, search, upload, work

FIRST = 1


async def shown(web: Web, store: str, file: str) -> dict[str, Any]:
    answer = await web.client.get(f"/v1/vector_stores/{store}/files/{file}")
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(
    ("name", "data", "code", "said"),
    [
        ("a.pdf", documents.pdf(["x"])[:300], "invalid_file", "PDF is broken"),
        ("a.pdf", documents.pdf(["x"], password="p"), "invalid_file", "Remove its password"),
        ("a.docx", documents.bomb(), "invalid_file", "so much more than its size"),
        ("a.docx", documents.forged(), "invalid_file", "broken"),
        ("a.pdf", b"MZ\0\0" * 99, "unsupported_file", "not read here"),
        ("a.html", b"<html><script>alert(1)</script></html>", "invalid_file", "no text"),
        ("a.pdf", documents.empty_pdf(), "invalid_file", "PDF is broken"),
    ],
)
async def test_a_bad_file_leaves_nothing(
    web: Web, name: str, data: bytes, code: str, said: str
) -> None:
    store = (await make(web))["id"]
    file = await upload(web, name, data)
    await put(web, store, file)
    assert await work(web) == 0
    ended = await shown(web, store, file)
    assert (ended["status"], ended["usage_bytes"]) == ("failed", 0)
    assert ended["last_error"]["code"] == code
    assert said in ended["last_error"]["message"]
    async with web.hub.database.connect() as connection:
        assert await connection.scalar(text("select count(*) from vector_store_chunks")) == 0


async def test_the_content_counts_not_the_name(web: Web) -> None:
    store = (await make(web))["id"]
    await put(web, store, await upload(web, "notes.exe", documents.pdf([GERMAN])))
    assert await work(web) == 1
    [hit] = await search(web, store, "Weiche")
    assert (hit["content"][0]["text"], hit["file_type"]) == (GERMAN, ".exe")


async def test_a_page_of_the_web_is_text_and_nothing_else(web: Web) -> None:
    async with callers() as server:
        page = (
            f'<html><script src="{server.url}/a.js"></script><body onload="x()"><p>{GERMAN}</p>'
            f'<img src="{server.url}/p.png"><iframe src="{server.url}"></iframe></body></html>'
        )
        store = (await make(web))["id"]
        await put(web, store, await upload(web, "a.html", page.encode()))
        assert await work(web) == 1
        assert server.number == 0
    [hit] = await search(web, store, "Weiche")
    assert hit["content"][0]["text"] == GERMAN


async def claimed(web: Web, number: int = 1) -> list[Job]:
    """What a worker has claimed, the first first."""
    async with Claims(web.hub.database, "test", timedelta(minutes=5)) as claims:
        await claims.enter()
        jobs = await claims.claim(Room(slots=9, operations=["ingest"], each=9, models={}))
    assert len(jobs) == number
    return sorted(jobs, key=lambda job: job.id)


async def attempt(web: Web, job: Job, number: int) -> None:
    operation = ingest(web.hub.database, web.hub.files, web.hub.runner, Settings())
    principal = await web.hub.keyring.holder(job.key_id)
    await operation.run(replace(job, attempts=number), principal)


@pytest.mark.parametrize("way", ["copy", "pictures"])
async def test_a_full_disk(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """It is tried again, tells at last why it cannot be, and goes on when there is room."""
    web.ocr.texts.update(SAID)
    store = (await make(web, **(VISUAL if way == "pictures" else {})))["id"]
    file = await upload(web, "a.png", coloured(RED))
    await put(web, store, file)
    [job] = await claimed(web)
    place = tmp_path / "small" if way == "copy" else tmp_path / "blobs" / "pages"
    with small_disk(place, "8k") as disk:
        (disk / "filled").write_bytes(bytes(8192))
        if way == "copy":
            monkeypatch.setattr(tempfile, "tempdir", str(disk))
        with pytest.raises(UnavailableError):
            await attempt(web, job, FIRST)
        assert (await shown(web, store, file))["status"] == "in_progress"
        with pytest.raises(UnavailableError):
            await attempt(web, job, job.max_attempts)
        ended = await shown(web, store, file)
        assert (ended["status"], ended["last_error"]["code"]) == ("failed", "server_error")
        assert "must make room" in ended["last_error"]["message"]
    monkeypatch.undo()
    await put(web, store, file)
    assert await work(web) == 1
    assert (await search(web, store, "Umsatz"))[0]["content"][0]["text"] == SAID[RED]
    assert len(await blobs(web)) == (way == "pictures")


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_ten_thousand_pages(web: Web) -> None:
    pages = [f"Blatt {number}: Signal {number} steht." for number in range(1, 10_001)]
    store = (await make(web))["id"]
    file = await upload(web, "a.pdf", await asyncio.to_thread(documents.pdf, pages))
    await put(web, store, file)
    assert await work(web) == 1
    ended = await shown(web, store, file)
    assert (ended["status"], ended["pages_done"], ended["pages"]) == ("completed", 10_000, 10_000)
    content = (await web.client.get(f"/v1/vector_stores/{store}/files/{file}/content")).json()
    assert [part["text"] for part in content["data"]] == pages
    # By words: the test's vectors have 256 places, and a number shares its own with forty others.
    words = {"hybrid_search": {"embedding_weight": 0, "text_weight": 1}}
    best = (await search(web, store, "Signal 7321", ranking_options=words))[0]
    assert best["page_number"] == 7321
