"""Usage as CSV (RFC 4180), for spreadsheets."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any

from stellwerk.features.usage.report import Total

NAMED = {"key": ("key", "key_name"), "project": ("project", "project_name")}
SUMS = (
    "requests",
    "errors",
    "estimated",
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "cost",
)
# Spreadsheets take what begins with one of these for a formula, and run it.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def columns(groups: Sequence[str]) -> tuple[str, ...]:
    """The columns of a report, those grouped by first."""
    return (*(column for name in groups for column in NAMED.get(name, (name,))), *SUMS)


def head(groups: Sequence[str]) -> str:
    """The line of names. `cost` is in the currency that the last column names."""
    return _lines([(*columns(groups), "currency")])


def lines(totals: Iterable[Total], groups: Sequence[str], currency: str) -> str:
    """A line for each total."""
    chosen = columns(groups)
    return _lines((*(getattr(one, name) for name in chosen), currency) for one in totals)


def _lines(rows: Iterable[Sequence[Any]]) -> str:
    text = StringIO()
    csv.writer(text).writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    # A quote before it makes it text; numbers of ours are never negative.
    if isinstance(value, str) and value.lstrip().startswith(FORMULA):
        return f"'{value}"
    return value
