"""The totals of some rows, by hour and by all that one can group by."""

from collections.abc import Iterable
from typing import NamedTuple

from stellwerk.features.usage.types import UsageRow

HOUR = 3600
FIRST_ERROR = 400


class Group(NamedTuple):
    """`hour` is in Unix hours."""

    hour: int
    key_id: str
    project_id: str
    model: str
    target: str
    operation: str


class Sums(NamedTuple):
    """`requests` that were made, and how many of them failed or have estimated tokens."""

    requests: int = 0
    errors: int = 0
    estimated: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost: int = 0


def totals(rows: Iterable[UsageRow]) -> dict[Group, Sums]:
    """In the order of the groups: who writes totals in one order cannot block another for ever."""
    # A plain tuple for each row, and a `Group` for each of the few that there are.
    grouped: dict[tuple[float, str, str, str, str, str], list[UsageRow]] = {}
    for row in rows:
        of = (row.time // HOUR, row.key_id, row.project_id, row.model, row.target, row.operation)
        grouped.setdefault(of, []).append(row)
    return {Group(int(of[0]), *of[1:]): _sums(grouped[of]) for of in sorted(grouped)}


def _sums(rows: list[UsageRow]) -> Sums:
    return Sums(
        requests=len(rows),
        errors=sum(row.status >= FIRST_ERROR for row in rows),
        estimated=sum(row.estimated for row in rows),
        prompt_tokens=sum(row.prompt_tokens for row in rows),
        cached_tokens=sum(row.cached_tokens for row in rows),
        completion_tokens=sum(row.completion_tokens for row in rows),
        cost=sum(row.cost for row in rows),
    )
