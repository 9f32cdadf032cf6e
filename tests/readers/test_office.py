"""Documents that LibreOffice draws, by the real one where it is installed."""

import io
import shutil
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from stellwerk.ports.reading import Page
from stellwerk.readers.office import Office, program
from stellwerk.readers.process import ProcessReader
from tests import documents
from tests.callers import callers


@pytest.fixture
def office() -> Office:
    found = program(None)
    if found is None:
        pytest.skip("LibreOffice is not installed")
    return Office(found, 120)


async def read(office: Office, path: Path, name: str, data: bytes) -> list[Page]:
    path.write_bytes(data)
    return [page async for page in ProcessReader(office=office).pages(path, name)]


def coloured(picture: bytes) -> bool:
    """Whether something is drawn on the white."""
    with Image.open(io.BytesIO(picture), formats=["PNG"]) as image:
        assert max(image.size) == 1024
        return bool(np.asarray(image.convert("L")).std() > 0)


@pytest.mark.timeout(200)
async def test_pages_of_a_text(office: Office, tmp_path: Path) -> None:
    one, two = await read(office, tmp_path / "file", "a.docx", documents.word())
    assert "Die Weiche 17 klemmt bei Frost." in one.text
    assert "Nach dem Umbruch." in two.text
    assert all(len(page.pictures) == 1 and coloured(page.pictures[0]) for page in (one, two))


@pytest.mark.timeout(200)
async def test_slides_keep_their_own_text(office: Office, tmp_path: Path) -> None:
    one, two = await read(office, tmp_path / "file", "a.pptx", documents.slides())
    assert one.text == "Quartalszahlen\nUmsatz | 12,4 Mio\nHier langsam sprechen."
    assert (one.number, two.number, two.total) == (1, 2, 2)
    assert coloured(one.pictures[0])


@pytest.mark.timeout(200)
async def test_nothing_is_fetched(office: Office, tmp_path: Path) -> None:
    async with callers() as server:
        data = documents.linked_word(f"{server.url}/a.png")
        pages = await read(office, tmp_path / "file", "a.docx", data)
    assert (len(pages), server.number) == (2, 0)


async def test_one_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    """What it has started ends with it, and the document is read without it."""
    slow = tmp_path / "slow"
    slow.write_text(f"#!/bin/sh\nsleep 321 & echo $! > {tmp_path}/pid\nwait\n")
    slow.chmod(0o755)
    pages = await read(Office(slow, 0.5), tmp_path / "file", "a.pptx", documents.slides())
    assert [len(page.pictures) for page in pages] == [0, 1]
    started = int((tmp_path / "pid").read_text())
    # Who adopts it has perhaps not asked yet what became of it.
    assert not psutil.pid_exists(started) or psutil.Process(started).status() == "zombie"


async def test_one_that_cannot(tmp_path: Path) -> None:
    false = shutil.which("false")
    assert false is not None
    pages = await read(Office(Path(false), 5), tmp_path / "file", "a.docx", documents.word())
    assert [page.text for page in pages][1:] == ["Nach dem Umbruch."]


def test_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program(None) is None
    found = tmp_path / "soffice"
    found.write_text("")
    found.chmod(0o755)
    assert program(None) == found
    assert program("") is None
    assert program(str(found)) == found
    assert program(str(tmp_path / "none")) is None
