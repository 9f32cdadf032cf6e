"""Processes and files that an earlier, killed parent left in a database directory."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import psutil

from stellwerk.supervisor.postgres_errors import PostgresError, PostgresInUseError
from stellwerk.supervisor.postgres_socket import SOCKET

# For how many seconds each: fast shutdown, immediate shutdown, no choice.
STEPS = ((signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 10))
# Without their postmaster the others end by themselves, unless they are stuck.
ALONE = 3


def postmaster_file(directory: Path) -> list[str]:
    """The lines of `postmaster.pid`: 0 is the process, 7 its state. Empty when there is none."""
    try:
        return (directory / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def living(directory: Path) -> list[psutil.Process]:
    """The PostgreSQL processes of `directory`.

    Each of them works in its database directory. That tells them from strangers who were given
    a number that an old `postmaster.pid` names, and from those of a container in which another
    directory has the same name.
    """
    found = []
    for process in psutil.process_iter():
        try:
            here = Path(f"/proc/{process.pid}/cwd").samefile(directory)
            if here and process.name() == "postgres":
                found.append(process)
        except (OSError, psutil.Error):
            continue
    return found


async def clear(directory: Path, sockets: Path, report: Callable[[str], None]) -> None:
    """End what is left of an earlier server, then remove the files that would bar a new one.

    To be called by the holder of the directory's lock only.
    """
    lines = postmaster_file(directory)
    number = int(lines[0]) if lines and lines[0].strip().lstrip("-").isdigit() else 0
    left = living(directory)
    if number < 0 and any(process.pid == -number for process in left):
        # A negative number is a person at work with `postgres --single`.
        raise PostgresInUseError(directory, -number)
    if left:
        report("Stopping a PostgreSQL that an earlier run left behind")
        await end(directory, number)
    for file in (directory / "postmaster.pid", sockets / SOCKET, sockets / f"{SOCKET}.lock"):
        file.unlink(missing_ok=True)


async def end(directory: Path, postmaster: int) -> None:
    """End every PostgreSQL process of `directory`, the postmaster first."""
    for number, seconds in STEPS:
        left = living(directory)
        heads = [process for process in left if process.pid == postmaster]
        for process in left if number is signal.SIGKILL else heads:
            _send(process, number)
        if await _gone(directory, seconds if heads else ALONE):
            return
    raise PostgresError(
        f"Processes {', '.join(str(process.pid) for process in living(directory))} of an earlier "
        f"PostgreSQL in {directory} cannot be ended."
    )


def _send(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


async def _gone(directory: Path, seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    limit = loop.time() + seconds
    while living(directory):
        if loop.time() > limit:
            return False
        await asyncio.sleep(0.05)
    return True
