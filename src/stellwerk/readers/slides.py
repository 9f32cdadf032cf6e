"""PPTX by python-pptx: a slide is a page, with its texts, tables, notes and pictures."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pptx
from pptx.shapes.group import GroupShape
from pptx.shapes.picture import Picture

from stellwerk.ports.reading import Page, Pictures
from stellwerk.readers.pictures import small_png


def read(path: Path, first: int, wanted: Pictures) -> Iterator[Page]:
    slides = pptx.Presentation(str(path)).slides
    total = len(slides)
    for number, slide in enumerate(slides, 1):
        if number < first:
            continue
        shapes = list(_flat(slide.shapes))
        lines = [line for shape in shapes for line in _lines(shape)]
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            lines += slide.notes_slide.notes_text_frame.text.splitlines()
        found = tuple(_pictures(shapes)) if wanted != "none" else ()
        yield Page(number, "\n".join(line for line in lines if line.strip()), found, total)


def _flat(shapes: Iterable[Any]) -> Iterator[Any]:
    for shape in shapes:
        if isinstance(shape, GroupShape):
            yield from _flat(shape.shapes)
        else:
            yield shape


def _lines(shape: Any) -> Iterator[str]:
    if shape.has_text_frame:
        yield from shape.text_frame.text.splitlines()
    if shape.has_table:
        for row in shape.table.rows:
            yield " | ".join(" ".join(cell.text.split()) for cell in row.cells)
    if shape.has_chart:
        yield from _chart(shape.chart)


def _chart(chart: Any) -> Iterator[str]:
    if chart.has_title and chart.chart_title.has_text_frame:
        yield chart.chart_title.text_frame.text
    for plot in chart.plots:
        names = [str(name) for name in plot.categories]
        for series in plot.series:
            values = zip(names, series.values, strict=False)
            yield f"{series.name}: " + ", ".join(f"{name} {value}" for name, value in values)


def _pictures(shapes: Iterable[Any]) -> Iterator[bytes]:
    for shape in shapes:
        if isinstance(shape, Picture) and (picture := small_png(_blob(shape))):
            yield picture


def _blob(shape: Picture) -> bytes:
    try:
        return bytes(shape.image.blob)
    except (ValueError, KeyError, AttributeError):
        # A linked picture is not in the file, and nothing is fetched.
        return b""
