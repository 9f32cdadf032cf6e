"""One process at a time works with a PostgreSQL directory."""

import asyncio
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from stellwerk.supervisor.postgres_errors import PostgresError, PostgresInUseError


async def take(directory: Path, patience: float, report: Callable[[str], None]) -> int:
    """The descriptor that locks `directory`, whose lock lies beside it under its name.

    Raises `PostgresInUseError` when another process has it for more than `patience` seconds.
    """
    loop = asyncio.get_running_loop()
    limit = loop.time() + patience
    told = False
    while True:
        try:
            return _take(directory)
        except PostgresInUseError as error:
            if loop.time() >= limit:
                raise
            if not told:
                report(f"Waiting for process {error.pid}, which works with {directory}")
                told = True
        await asyncio.sleep(0.05)


def _take(directory: Path) -> int:
    path = directory.with_name(directory.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise PostgresError(f"{path} cannot be opened: {error.strerror}.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(lock, 32).strip()
        os.close(lock)
        pid = int(holder) if holder.isdigit() else None
        raise PostgresInUseError(directory, pid) from None
    os.truncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    return lock
