"""Listings, as a table for people or as JSON for programs."""

import json
from collections.abc import Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

WIDE = 1000


def show(rows: Sequence[dict[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print all fields of `rows` as a JSON array, or `columns` of them as a table."""
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        # The first column is what one copies.
        first = column == columns[0]
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=first)
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    console = Console()
    if not console.is_terminal:
        # A pipe has no width, and programs read lines.
        console.width = WIDE
    console.print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    return str(value)
