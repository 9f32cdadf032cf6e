"""The child: it reads one file, within its limits, and writes the pages to standard output."""

import os
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from stellwerk.ports.reading import InvalidFileError, UnsupportedFileError
from stellwerk.readers.documents import Draw, read
from stellwerk.readers.frames import (
    DrawFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    Orders,
    PageFrame,
    packed,
)
from stellwerk.readers.kinds import Kind

# The parent ends a child that is late; should the parent be gone, the alarm does.
GRACE = 15


def main() -> None:
    orders = msgspec.json.decode(sys.stdin.buffer.readline(), type=Orders)
    output = os.dup(1)
    # A library that prints must not break the frames.
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_AS, (orders.limits.memory, orders.limits.memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A reader has nothing to write but its pipe.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    alarm = round(orders.limits.page_seconds + GRACE)

    def draw(kind: Kind) -> Path | None:
        if not orders.draws:
            return None
        signal.alarm(0)
        _write(output, packed(DrawFrame(kind)))
        told = msgspec.json.decode(sys.stdin.buffer.readline(), type=str | None)
        signal.alarm(alarm)
        return Path(told) if told is not None else None

    signal.alarm(alarm)
    for frame in _frames(orders, draw):
        signal.alarm(0)
        _write(output, packed(frame))
        signal.alarm(alarm)


def _frames(orders: Orders, draw: Draw) -> Iterator[Frame]:
    given = (Path(orders.path), orders.filename, orders.first, orders.limits)
    try:
        for page in read(*given, pictures=orders.pictures, draw=draw):
            yield PageFrame(page.number, page.text, page.pictures, page.total)
    except (UnsupportedFileError, InvalidFileError) as error:
        yield ErrorFrame(error.message, isinstance(error, InvalidFileError))
    else:
        yield EndFrame()


def _write(output: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(output, view) :]


if __name__ == "__main__":
    main()
