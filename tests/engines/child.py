"""Engine children as their parent starts them, and clients that may talk to them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

SECRET = "only-for-this-test"
# Seconds. Generous: a machine that runs other tests may take many times its usual time.
LIMIT = 280


@dataclass(frozen=True)
class Child:
    process: "subprocess.Popen[bytes]"
    socket: Path

    def first_word(self) -> dict[str, Any]:
        """Whether it is ready, or why it is not: the one line that it says."""
        assert self.process.stdout is not None
        word: dict[str, Any] = json.loads(self.process.stdout.readline())
        return word

    def end(self) -> int:
        """Let go of its life-line and give its exit status."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        status = self.process.wait(LIMIT)
        self.process.stdout.close()
        return status


def start(engine: str, directory: Path, *files: Path, threads: int = 2, **options: Any) -> Child:
    """Start an engine whose socket is in this directory; `first_word` waits for it."""
    socket = directory / "e.sock"
    process = subprocess.Popen(
        [sys.executable, "-m", f"stellwerk.engines.{engine}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    orders = {
        "model": engine,
        "socket": str(socket),
        "secret": SECRET,
        "threads": threads,
        "files": [str(file) for file in files],
        "options": options,
    }
    assert process.stdin is not None
    process.stdin.write(json.dumps(orders).encode() + b"\n")
    process.stdin.flush()
    return Child(process, socket)


@contextmanager
def running(
    engine: str, directory: Path, *files: Path, threads: int = 2, **options: Any
) -> Iterator[Child]:
    """An engine that has loaded its model."""
    child = start(engine, directory, *files, threads=threads, **options)
    try:
        assert child.first_word() == {"ready": True}
        yield child
    finally:
        child.end()


def connect(socket: Path, secret: str = SECRET, limit: float = LIMIT) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        "http://engine",
        connector=aiohttp.UnixConnector(str(socket)),
        headers={"Authorization": f"Bearer {secret}"},
        timeout=aiohttp.ClientTimeout(total=limit),
    )
