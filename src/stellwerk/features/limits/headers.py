"""`x-ratelimit-{limit,remaining,reset}-{requests,tokens}`."""

from collections.abc import Sequence
from math import ceil
from time import monotonic

from stellwerk.features.limits.window import Cell

Headers = list[tuple[bytes, bytes]]


def headers(requests: Sequence[Cell], tokens: Sequence[Cell]) -> Headers:
    """Of several limits the one with the least remaining is told.

    `remaining` is exact in a process that holds the whole limit, and otherwise as recent as its
    last lease. `reset` is the time after which the oldest use that counts is forgotten.
    """
    made: Headers = []
    if requests:
        cell = requests[0] if len(requests) == 1 else min(requests, key=remaining)
        made += (
            (b"x-ratelimit-limit-requests", b"%d" % cell.limit),
            (b"x-ratelimit-remaining-requests", b"%d" % remaining(cell)),
            (b"x-ratelimit-reset-requests", b"%ds" % ceil(cell.oldest(monotonic()))),
        )
    if tokens:
        cell = tokens[0] if len(tokens) == 1 else min(tokens, key=remaining)
        made += (
            (b"x-ratelimit-limit-tokens", b"%d" % cell.limit),
            (b"x-ratelimit-remaining-tokens", b"%d" % remaining(cell)),
            (b"x-ratelimit-reset-tokens", b"%ds" % ceil(cell.oldest(monotonic()))),
        )
    return made


def remaining(cell: Cell) -> int:
    free = cell.free + cell.left
    return 0 if free < 0 else min(free, cell.limit)
