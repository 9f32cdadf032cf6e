"""The totals of some rows, by hour and by all that one can group by."""

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
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


Grouped = Mapping[Group, Sequence[UsageRow]]

_status = attrgetter("status")
_numbers = [attrgetter(name) for name in Sums._fields[2:]]


def grouped(rows: Iterable[UsageRow]) -> Grouped:
    """In the order of the groups: who writes totals in one order cannot block another for ever."""
    # A plain tuple for each row, and a `Group` for each of the few that there are.
    found: dict[tuple[float, str, str, str, str, str], list[UsageRow]] = {}
    for row in rows:
        of = (row.time // HOUR, row.key_id, row.project_id, row.model, row.target, row.operation)
        if of in found:
            found[of].append(row)
        else:
            found[of] = [row]
    return {Group(int(of[0]), *of[1:]): found[of] for of in sorted(found)}


def sums(rows: Sequence[UsageRow]) -> Sums:
    errors = sum([status >= FIRST_ERROR for status in map(_status, rows)])
    return Sums(len(rows), errors, *[sum(map(number, rows)) for number in _numbers])
