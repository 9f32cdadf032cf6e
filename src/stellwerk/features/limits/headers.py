"""`x-ratelimit-{limit,remaining,reset}-{requests,tokens}`."""

from collections.abc import Sequence

from stellwerk.features.limits.window import Cell

Headers = list[tuple[bytes, bytes]]


def headers(requests: Sequence[Cell], tokens: Sequence[Cell]) -> Headers:
    """Of several limits the one with the least remaining is told.

    `remaining` is exact in a process that holds the whole limit, and otherwise as recent as its
    last lease. `reset` is the time after which the oldest use that counts is forgotten,
    as of the last second.
    """
    made: Headers = []
    if requests:
        cell = _least(requests)
        made += (
            (b"x-ratelimit-limit-requests", b"%d" % cell.limit),
            (b"x-ratelimit-remaining-requests", b"%d" % remaining(cell)),
            (b"x-ratelimit-reset-requests", cell.reset),
        )
    if tokens:
        cell = _least(tokens)
        made += (
            (b"x-ratelimit-limit-tokens", b"%d" % cell.limit),
            (b"x-ratelimit-remaining-tokens", b"%d" % remaining(cell)),
            (b"x-ratelimit-reset-tokens", cell.reset),
        )
    return made


def _least(cells: Sequence[Cell]) -> Cell:
    least = cells[0]
    for cell in cells:
        if cell.free + cell.left < least.free + least.left:
            least = cell
    return least


def remaining(cell: Cell) -> int:
    free = cell.free + cell.left
    return 0 if free < 0 else min(free, cell.limit)
