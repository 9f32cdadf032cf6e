"""One `serve` for each data directory."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil

from stellwerk.base.errors import Kind, StellwerkError
from stellwerk.supervisor.data_directory import DataDirError, make

FILE = "serve.lock"
# Seconds; `holder` has the lock for much less.
GLANCE = 0.2


class Holder(msgspec.Struct, frozen=True):
    """Who serves a data directory."""

    pid: int
    started: datetime


class HeldError(StellwerkError):
    """Another process serves this data directory."""

    kind = Kind.CONFLICT
    code = "data_dir_held"
    exit_status = 3

    def __init__(self, data_dir: Path, holder: Holder | None) -> None:
        self.holder = holder
        who = _describe(holder) if holder else "a process that did not leave its number"
        super().__init__(
            f"{data_dir} is served already, by {who}. "
            "Stop that process, or choose another data directory."
        )


@contextmanager
def serve_lock(data_dir: Path) -> Iterator[None]:
    """Hold the data directory, which is made if need be. Raises `HeldError`, `DataDirError`."""
    make(data_dir)
    try:
        file = os.open(data_dir / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DataDirError(data_dir, error) from error
    try:
        if not _lock(file):
            raise HeldError(data_dir, _read(file))
        _write(file, msgspec.json.encode(Holder(os.getpid(), datetime.now(UTC))))
        yield
        # The file stays: whoever opened it before a removal would lock a file without a name.
        os.ftruncate(file, 0)
    finally:
        os.close(file)


def holder(data_dir: Path) -> Holder | None:
    """Who serves the data directory now, if somebody does."""
    try:
        file = os.open(data_dir / FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(file)
    else:
        return None
    finally:
        os.close(file)


def _lock(file: int) -> bool:
    limit = time.monotonic() + GLANCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > limit:
                return False
            time.sleep(0.01)
        else:
            return True


def _write(file: int, content: bytes) -> None:
    os.ftruncate(file, 0)
    os.pwrite(file, content, 0)


def _read(file: int) -> Holder | None:
    with suppress(msgspec.DecodeError):
        return msgspec.json.decode(os.pread(file, 4096, 0), type=Holder)
    return None


def _describe(holder: Holder) -> str:
    since = holder.started.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    try:
        command = " ".join(psutil.Process(holder.pid).cmdline())
    except psutil.Error:
        return f"process {holder.pid} since {since}"
    return f"process {holder.pid} since {since}: {command}"
