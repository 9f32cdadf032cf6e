"""XLSX, XLS and ODS by calamine: a sheet is a page, a row a line."""

from collections.abc import Iterator
from pathlib import Path

import python_calamine
from python_calamine import CalamineWorkbook

from stellwerk.ports.reading import InvalidFileError, Page, Pictures

BROKEN = (python_calamine.CalamineError, OSError, ValueError)


def read(path: Path, first: int, _: Pictures = "all") -> Iterator[Page]:
    try:
        book = CalamineWorkbook.from_path(str(path))
        names = book.sheet_names
        for number, name in enumerate(names, 1):
            if number >= first:
                yield Page(number, _text(book, name), (), len(names))
    except BROKEN as error:
        raise InvalidFileError("The workbook is broken or encrypted.") from error


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
