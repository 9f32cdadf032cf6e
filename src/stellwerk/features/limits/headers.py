"""`x-ratelimit-{limit,remaining,reset}-{requests,tokens}`."""

from collections.abc import Sequence

from stellwerk.features.limits.window import Cell

REQUESTS = (
    b"x-ratelimit-limit-requests: %d\r\n"
    b"x-ratelimit-remaining-requests: %d\r\n"
    b"x-ratelimit-reset-requests: %b\r\n"
)
TOKENS = REQUESTS.replace(b"requests", b"tokens")


def lines(requests: Sequence[Cell], tokens: Sequence[Cell]) -> bytes:
    """The headers as HTTP/1.1 has them. Of several limits the one with the least remaining is told.

    `remaining` is exact in a process that holds the whole limit, and otherwise as recent as its
    last lease. `reset` is the time after which the oldest use that counts is forgotten,
    as of the last second.
    """
    told = b""
    if requests:
        cell = requests[0] if len(requests) == 1 else _least(requests)
        told = REQUESTS % (cell.limit, remaining(cell), cell.reset)
    if tokens:
        cell = _least(tokens)
        told += TOKENS % (cell.limit, remaining(cell), cell.reset)
    return told


def _least(cells: Sequence[Cell]) -> Cell:
    least = cells[0]
    for cell in cells:
        if cell.free + cell.left < least.free + least.left:
            least = cell
    return least


def remaining(cell: Cell) -> int:
    free = cell.free + cell.left
    return 0 if free < 0 else min(free, cell.limit)
