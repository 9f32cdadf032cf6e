"""An office document whose pages were drawn: their pictures and their text."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from stellwerk.ports.reading import Page
from stellwerk.readers import pdf
from stellwerk.readers.kinds import Kind


def read(kind: Kind, path: Path, drawing: Path, first: int) -> Iterator[Page]:
    """The pages of the drawing, a PDF. Slides keep their own text, which has the notes too."""
    texts = _slides(path) if kind == "slides" else []
    for page in pdf.read(drawing, first, "all"):
        # A hidden slide is not drawn: then nobody knows which is which.
        own = texts[page.number - 1] if len(texts) == page.total else ""
        yield replace(page, text=own) if own.strip() else page


def _slides(path: Path) -> list[str]:
    from stellwerk.readers import slides

    return [page.text for page in slides.read(path, 1, "none")]
