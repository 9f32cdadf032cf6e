"""What the hub asks of readers: a document, page by page."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from stellwerk.base.errors import InvalidRequestError

# Which pictures are wanted: all, those of pages that have next to no text, or none.
Pictures = Literal["all", "scans", "none"]
# A page with fewer characters than this is taken for a scan: they may be its number.
SCANNED = 20


class UnsupportedFileError(InvalidRequestError):
    """400: no reader knows this kind of file."""

    code = "unsupported_file"


class InvalidFileError(InvalidRequestError):
    """400: the file is broken, encrypted, or asks for more than a reader may use."""

    code = "invalid_file"


@dataclass(frozen=True, slots=True)
class Page:
    """One page, from 1: its text, and pictures (PNG, the longer side at most 1024 pixels).

    A page of a PDF has one picture: the page itself. A slide or a page of a text document has
    those that are on it. A sheet of a workbook and a stretch of running text count as a page.
    `total` is how many pages the document has, where that is known.
    """

    number: int
    text: str
    pictures: tuple[bytes, ...] = ()
    total: int | None = None


def scanned(text: str) -> bool:
    """Whether a page has so little text that what it says must stand in its picture."""
    return len(text.strip()) < SCANNED


class Reader(Protocol):
    """Reads files that nobody vouches for."""

    def pages(
        self, path: Path, filename: str, *, first: int = 1, pictures: Pictures = "all"
    ) -> AsyncGenerator[Page]:
        """The pages from `first` on; the content says what the file is, the name helps with text.

        Who does not read to the end must close it.

        Raises `UnsupportedFileError` and `InvalidFileError`, whose messages a person can act on.
        """
        ...
