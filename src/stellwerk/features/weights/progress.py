"""What is told of a pull while it runs: bars on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from stellwerk.features.weights.disk import megabytes


class Progress(Protocol):
    """Hears of one file after another.

    An exception that a method raises ends the pull; what has arrived is kept.
    """

    def started(self, name: str, total: int | None, done: int) -> None:
        """Bytes begin to come: `total` in all where that is known, `done` are here already."""

    def advanced(self, count: int) -> None:
        """`count` more bytes are here; negative when some have to come again."""

    def finished(self) -> None:
        """No more bytes of what was started will come."""

    def waiting(self, name: str) -> None:
        """Another process fetches the file. Called several times a second."""

    def note(self, text: str) -> None:
        """A line for people."""


class Silent:
    """Tells nobody."""

    def started(self, name: str, total: int | None, done: int) -> None: ...

    def advanced(self, count: int) -> None: ...

    def finished(self) -> None: ...

    def waiting(self, name: str) -> None: ...

    def note(self, text: str) -> None: ...


class Lines:
    """A line for every tenth of a file, for logs and pipes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._name, self._total, self._done, self._told = "", 0, 0, 0
        self._waits = ""

    def started(self, name: str, total: int | None, done: int) -> None:
        self._name, self._total, self._done = name, total or 0, done
        self._told = self._tenths()
        size = megabytes(total) if total else "size unknown"
        here = f", {megabytes(done)} are here" if done else ""
        self.note(f"{name}: {size}{here}")

    def advanced(self, count: int) -> None:
        self._done += count
        if self._tenths() > self._told:
            self._told = self._tenths()
            share = f"{self._told * 10} %, " if self._total else ""
            self.note(f"{self._name}: {share}{megabytes(self._done)}")

    def _tenths(self) -> int:
        return self._done * 10 // self._total if self._total else self._done // 50_000_000

    def finished(self) -> None: ...

    def waiting(self, name: str) -> None:
        if self._waits != name:
            self._waits = name
            self.note(f"{name}: another process fetches it; waiting")

    def note(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()


@contextmanager
def shown(stream: TextIO | None = None) -> Iterator[Progress]:
    """Progress on `stream` (standard error): bars on a terminal, else lines."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield Lines(stream)
        return
    from stellwerk.features.weights.bars import bars

    with bars(stream) as progress:
        yield progress
