"""A file as pages, by the reader of its kind."""

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from lxml.etree import LxmlError

from stellwerk.ports.reading import InvalidFileError, Page, Pictures, scanned
from stellwerk.readers import running
from stellwerk.readers.kinds import Kind, kind_of
from stellwerk.readers.limits import Limits, check_page

# What the office libraries raise for files that are not as they should be.
BROKEN = (KeyError, ValueError, AttributeError, IndexError, TypeError, LxmlError, OSError)


# Gives an office document as a PDF, or None.
Draw = Callable[[Kind], Path | None]
DRAWN: set[Kind] = {"word", "slides"}


def read(
    path: Path, filename: str, first: int, limits: Limits, *, pictures: Pictures, draw: Draw
) -> Iterator[Page]:
    """The pages from `first` on. Raises `UnsupportedFileError` and `InvalidFileError`."""
    try:
        for page in _pages(path, filename, first, limits, pictures, draw):
            if page.number > limits.pages or (page.total or 0) > limits.pages:
                raise InvalidFileError(
                    f"The file has {page.total or page.number} pages; {limits.pages} are the limit."
                )
            bare = pictures == "scans" and not scanned(page.text)
            shown = () if bare else page.pictures
            check_page(page.number, page.text, sum(map(len, shown)))
            yield replace(page, text=_whole(page.text), pictures=shown)
    except MemoryError as error:
        raise InvalidFileError(f"To read it took more than {limits.memory} bytes.") from error
    except (*BROKEN, zipfile.BadZipFile, RecursionError) as error:
        raise InvalidFileError("The file is broken, or not all of it came.") from error


def _whole(text: str) -> str:
    """Without halves of surrogate pairs, which are no text: mail and spreadsheets have them."""
    return text.encode("utf-8", "replace").decode()


def _pages(
    path: Path, filename: str, first: int, limits: Limits, pictures: Pictures, draw: Draw
) -> Iterator[Page]:
    kind = kind_of(path, filename, limits)
    if pictures == "all" and kind in DRAWN and (drawing := draw(kind)) is not None:
        from stellwerk.readers import drawn

        return drawn.read(kind, path, drawing, first)
    # Some of these libraries take as long to import as a document to read.
    reader = import_module(f"stellwerk.readers.{MODULES[kind]}")
    if kind in TEXTS:
        return running.pages(reader.text_in(path.read_bytes()), first)
    found: Iterator[Page] = reader.read(path, first, pictures)
    return found


MODULES: dict[Kind, str] = {
    "pdf": "pdf",
    "word": "word",
    "slides": "slides",
    "sheets": "sheets",
    "picture": "pictures",
    "html": "markup",
    "mail": "mail",
    "text": "running",
}
TEXTS: set[Kind] = {"html", "mail", "text"}
