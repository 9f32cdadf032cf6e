"""The two programs in C: the mock upstream and the load generator."""

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
COMPILE = ("cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror")


@dataclass(frozen=True)
class Load:
    """What one run of the load generator counted. Times are in microseconds."""

    requests: int
    seconds: float
    events: int
    errors: int
    reconnects: int
    late: int
    p50_us: float
    p99_us: float
    first_p50_us: float


@dataclass(frozen=True)
class Mock:
    """The upstream while it runs."""

    pid: int
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def counters(self) -> dict[str, Any]:
        """`answered`, `cut` (streams whose reader hung up) and `open` (connections)."""
        with urllib.request.urlopen(f"{self.url}/models", timeout=10) as answer:
            counters: dict[str, Any] = json.load(answer)
        return counters


def compile_programs(directory: Path) -> None:
    """Put `mock` and `load` into `directory`."""
    for name in ("mock", "load"):
        subprocess.run([*COMPILE, "-o", directory / name, HERE / f"{name}.c"], check=True)


@contextmanager
def running_mock(directory: Path) -> Iterator[Mock]:
    process = subprocess.Popen([directory / "mock"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Mock(process.pid, int(process.stdout.readline().split()[1]))
    finally:
        process.kill()
        process.communicate()


class LoadError(Exception):
    """Answers were not as they should be, so what they cost says nothing."""


def run_load(directory: Path, body: bytes, **options: object) -> Load:
    """One run; `options` are those of `load.c`. Raises `LoadError` when an answer was wrong."""
    given = directory / "body.json"
    given.write_bytes(body)
    flags = [f"--{name}={value}" for name, value in options.items()]
    done = subprocess.run(
        [directory / "load", f"--body={given}", *flags],
        capture_output=True,
        text=True,
        check=False,
        timeout=3600,
    )
    if done.returncode:
        raise LoadError(f"{done.stderr.strip()}\n{done.stdout.strip()}")
    return Load(**json.loads(done.stdout))
