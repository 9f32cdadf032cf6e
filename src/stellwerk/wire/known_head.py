"""A head that was parsed before, recognised by its bytes.

On a kept connection, one head after another differs from the last only in its `content-length`, if
at all. What a parser made of the first is true of all that have the same bytes; so the parser,
with its call for each line, is left out for them.
"""

import re

LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*(?=\r\n)", re.IGNORECASE)
LONGEST_DIGITS = 16


class KnownHead:
    """The bytes of a head before and behind its length. `after` ends with the empty line."""

    __slots__ = ("_after", "_before")

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before = before
        self._after = after

    @classmethod
    def of(cls, data: bytes) -> "KnownHead | None":
        """The head that `data` begins with; None if it is not whole or has not just one length."""
        end = data.find(b"\r\n\r\n") + 4
        found = list(LENGTH.finditer(data, 0, end - 2)) if end > 4 else []
        if len(found) != 1:
            return None
        start, stop = found[0].span(1)
        return cls(data[:start], data[stop:end])

    def body_in(self, data: bytes) -> tuple[bytes, int] | None:
        """What `data` holds of the body, and the body's length; None for another head.

        What is held is never longer than the body: a head with more behind it is another one.
        """
        if not data.startswith(self._before):
            return None
        start = len(self._before)
        end = data.find(b"\r", start, start + LONGEST_DIGITS)
        digits = data[start:end]
        if not digits.isdigit() or not data.startswith(self._after, end):
            return None
        length = int(digits)
        body = data[end + len(self._after) :]
        return (body, length) if len(body) <= length else None
