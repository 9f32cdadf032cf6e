"""Which process this is, and whether another one of the same machine still runs."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import psutil

from stellwerk.base.ids import new_id


@dataclass(frozen=True, slots=True)
class Process:
    """A process that may hold shares. A process id means something on its `machine` only."""

    id: str
    machine: str
    pid: int
    started: float

    @classmethod
    def this(cls) -> "Process":
        pid = os.getpid()
        return cls(new_id("proc_"), _machine(), pid, psutil.Process(pid).create_time())

    def gone(self) -> bool:
        """Whether it has surely ended. Only its own machine can know."""
        try:
            found = psutil.Process(self.pid)
            # A zombie runs no more, it only was not buried yet.
            return abs(found.create_time() - self.started) > 1 or (
                found.status() == psutil.STATUS_ZOMBIE
            )
        except psutil.NoSuchProcess:
            return True
        except psutil.AccessDenied:
            return False


def _machine() -> str:
    """The running kernel and the namespace of process ids: two containers are two machines."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{platform.node()} {psutil.boot_time():.0f}"
