"""XLSX, XLS and ODS by calamine: a sheet is a page, a row a line."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import python_calamine
from python_calamine import CalamineWorkbook

from stellwerk.ports.reading import InvalidFileError, Page, Pictures
from stellwerk.readers import running
from stellwerk.readers.limits import LONGEST_PAGE

BROKEN = (python_calamine.CalamineError, OSError, ValueError)


def read(path: Path, first: int, _: Pictures = "all") -> Iterator[Page]:
    try:
        book = CalamineWorkbook.from_path(str(path))
        before: Page | None = None
        for number, text in enumerate(_texts(book), 1):
            if before is not None:
                yield before
            before = Page(number, text) if number >= first else None
        if before is not None:
            yield replace(before, total=before.number)
    except BROKEN as error:
        raise InvalidFileError("The workbook is broken or encrypted.") from error


def _texts(book: CalamineWorkbook) -> Iterator[str]:
    """The sheets; one that is too long for a page in stretches, as running text."""
    for name in book.sheet_names:
        text = _text(book, name)
        yield from [text] if len(text) <= LONGEST_PAGE else running.cut(text)


def _text(book: CalamineWorkbook, name: str) -> str:
    lines = [f"# {name}"]
    for row in book.get_sheet_by_name(name).to_python(skip_empty_area=True):
        cells = [_cell(value) for value in row]
        if any(cells):
            lines.append(" | ".join(cells).rstrip(" |"))
    return "\n".join(lines)


def _cell(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return " ".join(str(value).split())
