"""Input files, line by line, a stretch in memory at a time."""

from collections.abc import AsyncGenerator

from stellwerk.features.files.service import Files
from stellwerk.features.files.types import Stored

STRETCH = 2**20
BOM = b"\xef\xbb\xbf"


async def lines(
    files: Files, stored: Stored, start: int, longest: int
) -> AsyncGenerator[tuple[bytes, int]]:
    """Each line from the byte `start` on, without its end, and the place where the next begins.

    A line of more than `longest` bytes comes cut, to be refused by whoever reads it.
    """
    rest, place = b"", start
    for begin in range(start, stored.file.bytes, STRETCH):
        end = min(begin + STRETCH, stored.file.bytes)
        data = b"".join([chunk async for chunk in files.read(stored, begin, end)])
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            place += len(line) + 1
            yield _plain(line, place == len(line) + 1), place
        if len(rest) > longest:
            yield rest, stored.file.bytes
            return
    if rest:
        yield _plain(rest, place == 0), stored.file.bytes


def _plain(line: bytes, first: bool) -> bytes:
    return line.removeprefix(BOM).strip() if first else line.strip()
