"""Bodies in chunks (RFC 9112, section 7.1), as far as that is simple: whole chunks at once.

A parser reads everything else: chunks in pieces, the last one, extensions, trailers.
"""

LONGEST_SIZE = 16
# `int` reads more than these: signs, spaces, underscores, `0x`.
DIGITS = b"0123456789abcdefABCDEF"


def content_of(data: bytes) -> bytes | None:
    """What whole chunks hold; None if the last chunk is among them or one is not whole."""
    end = data.find(b"\r\n", 0, LONGEST_SIZE)
    start = end + 2
    try:
        digits = data[:end]
        if not digits.strip(DIGITS) and start + int(digits, 16) == len(data) - 2 > start:
            # Most often, an event comes in a chunk of its own.
            return data[start:-2] if data.endswith(b"\r\n") else None
        return _of_many(data)
    except ValueError:
        return None


def _of_many(data: bytes) -> bytes | None:
    pieces, at = [], 0
    while at < len(data):
        end = data.find(b"\r\n", at, at + LONGEST_SIZE)
        digits = data[at:end]
        size = 0 if digits.strip(DIGITS) else int(digits, 16)
        start, at = end + 2, end + 2 + size + 2
        if not size or data[at - 2 : at] != b"\r\n":
            return None
        pieces.append(data[start : at - 2])
    return b"".join(pieces)
