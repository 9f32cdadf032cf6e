"""DOCX by python-docx: paragraphs and tables in their order, and pictures.

A page ends where the author, or the program that saved the file last, ended one.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docx
from docx.oxml.ns import qn
from docx.table import Table
from docx.text.paragraph import Paragraph

from stellwerk.ports.reading import Page, Pictures
from stellwerk.readers.pictures import small_png

BREAKS = f"{qn('w:lastRenderedPageBreak')}", f"{qn('w:br')}"


def read(path: Path, first: int, wanted: Pictures) -> Iterator[Page]:
    document = docx.Document(str(path))
    number, lines, found = 1, list[str](), list[bytes]()
    for block in document.iter_inner_content():
        if _begins_page(block) and (lines or found):
            if number >= first:
                yield Page(number, "\n".join(lines), tuple(found))
            number, lines, found = number + 1, [], []
        lines += _lines(block)
        if wanted != "none" and number >= first:
            found += _pictures(block, document.part)
    if number >= first:
        yield Page(number, "\n".join(lines), tuple(found), number)


def _begins_page(block: Paragraph | Table) -> bool:
    """Whether a page begins in the block; it is counted to the new one."""
    for element in block._element.iter(*BREAKS):  # noqa: SLF001  # the library's documented way to the XML
        if element.tag == BREAKS[0] or element.get(qn("w:type")) == "page":
            return True
    return isinstance(block, Paragraph) and bool(block.paragraph_format.page_break_before)


def _lines(block: Paragraph | Table) -> list[str]:
    if isinstance(block, Table):
        return [" | ".join(_cells(row)) for row in block.rows]
    text = block.text.strip()
    style = (block.style.name or "") if block.style is not None else ""
    if text and style.startswith("Heading "):
        return ["", f"# {text}"]
    return [text] if text else []


def _cells(row: Any) -> list[str]:
    """A merged cell is told once."""
    cells: list[str] = []
    before = None
    for cell in row.cells:
        if cell._tc is not before:  # noqa: SLF001  # the only sign that two cells are one
            cells.append(" ".join(cell.text.split()))
        before = cell._tc  # noqa: SLF001
    return cells


def _pictures(block: Paragraph | Table, part: Any) -> Iterator[bytes]:
    for blip in block._element.iter(qn("a:blip")):  # noqa: SLF001
        related = part.related_parts.get(blip.get(qn("r:embed")))
        if related is not None and (picture := small_png(related.blob)):
            yield picture
