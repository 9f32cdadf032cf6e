"""The log file of the embedded PostgreSQL, kept small, and what it says about a recovery."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

LARGEST = 4 * 2**20
PROGRESS = re.compile(
    r"LOG:\s+(redo in progress.*|redo starts.*|syncing data directory.*|.*unlogged relations.*"
    r"|database system was (?:interrupted|not properly shut down).*)"
)
PREFIX = re.compile(r"^.*? \[\d+\] [A-Z]+:\s+")


class PostgresLog:
    """Appended to by PostgreSQL. `path` and one older file beside it, some MiB each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened = 0
        self._read = 0

    def open(self) -> int:
        """A descriptor to append to; what was written before is not read."""
        self.trim()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o600)
        self._opened = self._read = os.fstat(descriptor).st_size
        return descriptor

    def trim(self) -> None:
        """Move a large log aside. PostgreSQL has the file open, so it is copied and emptied."""
        if not self.path.exists() or self.path.stat().st_size <= LARGEST:
            return
        older = self.path.with_name(self.path.name + ".1")
        with self.path.open("rb") as log:
            log.seek(-LARGEST, os.SEEK_END)
            older.write_bytes(log.read())
        os.truncate(self.path, 0)

    def news(self) -> list[str]:
        """Whole lines that were written since `open` or the last call."""
        whole, end, _ = self._since(self._read).rpartition(b"\n")
        self._read += len(whole + end)
        return whole.decode(errors="replace").splitlines()

    def reason(self) -> str:
        """Why PostgreSQL ended: the last things that it has said since `open`."""
        lines = self._since(self._opened).decode(errors="replace").splitlines()
        return "; ".join(PREFIX.sub("", line) for line in lines[-3:]) or "it wrote nothing"

    def _since(self, position: int) -> bytes:
        with self.path.open("rb") as log:
            log.seek(position)
            return log.read()


class Progress:
    """Tells a person about a long recovery, once a second at most."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._next = 0.0

    def note(self, lines: list[str]) -> None:
        found = [match.group(1) for line in lines if (match := PROGRESS.search(line))]
        if found and time.monotonic() >= self._next:
            self._report(f"PostgreSQL recovers: {found[-1]}")
            self._next = time.monotonic() + 1
