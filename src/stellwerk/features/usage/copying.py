"""Usage rows as the bytes that PostgreSQL's `COPY ... (FORMAT binary)` takes.

https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format". A row is written for each
request, so what the rows of a group share is encoded once, and the rest in one call.
"""

from collections.abc import Iterable
from struct import Struct

from stellwerk.features.usage.totals import Group, Grouped
from stellwerk.features.usage.types import UsageRow

SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
# 1970 begins so many microseconds before PostgreSQL's time.
EPOCH = 946_684_800 * 1_000_000

COLUMNS = (
    *Group._fields[1:],
    "request_id",
    "time",
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "cost",
    "duration_ms",
    "status",
    "estimated",
    "stream",
    "first_byte_ms",
)
_COUNT = Struct(">h").pack(len(COLUMNS))
_LENGTH = Struct(">i")
# After the text of `request_id`: each field's length, then the field.
_REST = Struct(">iqiiiiiiiqifihi?i?")
_SOME = Struct(">if")
_NONE = _LENGTH.pack(-1)


def encode(groups: Grouped) -> bytes:
    """What is copied into `COLUMNS`.

    Raises `struct.error` or `OverflowError` for a number that its column does not hold, and
    `UnicodeEncodeError`.
    """
    parts = [part for group, rows in groups.items() for part in _rows(group, rows)]
    return b"".join([SIGNATURE, *parts, TRAILER])


def _rows(of: Group, rows: Iterable[UsageRow]) -> list[bytes]:
    rest, some = _REST.pack, _SOME.pack
    group = _COUNT + b"".join(
        [_text(text) for text in (of.key_id, of.project_id, of.model, of.target, of.operation)]
    )
    parts: list[bytes] = []
    for row in rows:
        first = row.first_byte_ms
        parts += (
            group,
            _text(row.request_id),
            rest(
                8,
                round(row.time * 1e6) - EPOCH,
                4,
                row.prompt_tokens,
                4,
                row.cached_tokens,
                4,
                row.completion_tokens,
                8,
                row.cost,
                4,
                row.duration_ms,
                2,
                row.status,
                1,
                row.estimated,
                1,
                row.stream,
            ),
            _NONE if first is None else some(4, first),
        )
    return parts


def _text(text: str) -> bytes:
    data = text.encode()
    return _LENGTH.pack(len(data)) + data
