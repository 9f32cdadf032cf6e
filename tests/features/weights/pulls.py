"""Entries to pull, and pulls in processes of their own."""

import hashlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stellwerk.base.model_entry import ModelEntry, Source, WeightFile

LIMIT = 60
CODE = """
import sys
from pathlib import Path
from stellwerk.base.model_entry import ModelEntry
from stellwerk.features.weights.errors import WeightsError
from stellwerk.features.weights.progress import shown
from stellwerk.features.weights.store import Store
try:
    with shown() as progress:
        Store(Path(sys.argv[1])).pull(ModelEntry.model_validate_json(sys.argv[2]), progress)
except WeightsError as error:
    sys.exit(error.message)
"""


class Heard:
    """Remembers what a pull told."""

    def __init__(self) -> None:
        self.totals: list[tuple[str, int | None, int]] = []
        self.bytes = 0
        self.notes: list[str] = []
        self.waited = False

    def started(self, name: str, total: int | None, done: int) -> None:
        self.totals.append((name, total, done))

    def advanced(self, count: int) -> None:
        self.bytes += count

    def finished(self) -> None: ...

    def waiting(self, name: str) -> None:
        self.waited = True

    def note(self, text: str) -> None:
        self.notes.append(text)


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that no archive makes smaller."""
    return random.Random(seed).randbytes(size)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def weight_file(data: bytes, *sources: Source, name: str = "model.gguf") -> WeightFile:
    return WeightFile(name=name, sha256=sha256(data), size=len(data), sources=sources)


def model(*files: WeightFile, name: str = "model") -> ModelEntry:
    return ModelEntry(id=name, engine="llama", files=files)


@contextmanager
def pulling(entry: ModelEntry, directory: Path, **environment: str) -> Iterator["Child"]:
    """A process that pulls; it is killed at the end if it is still there."""
    arguments = [sys.executable, "-c", CODE, str(directory), entry.model_dump_json()]
    with subprocess.Popen(
        arguments, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Child(process)
        finally:
            process.kill()


class Child:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(LIMIT)

    def result(self) -> tuple[int, str]:
        """Exit status and all that was written, when the process has ended."""
        _, written = self._process.communicate(timeout=LIMIT)
        return self._process.returncode, written

    def read_until(self, text: str) -> None:
        """Wait for a line that contains the text."""
        assert self._process.stderr
        for line in self._process.stderr:
            if text in line:
                return
        raise AssertionError(f"the process ended without saying {text!r}")


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
