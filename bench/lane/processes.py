"""Where processes run, what they cost and what memory they hold, as Linux' /proc tells it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import psutil


class Family:
    """A process and all that descend from it, now or later."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)

    def members(self) -> list[psutil.Process]:
        return [self._root, *self._root.children(recursive=True)]

    def only(self, wanted: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
        return [process for process in self.members() if wanted(process)]

    def threads(self) -> Iterator[int]:
        for process in self.members():
            with suppress(psutil.NoSuchProcess):
                yield from (thread.id for thread in process.threads())

    def pin(self, core: int) -> Self:
        """Keep every thread on one core; children to come inherit it."""
        for thread in self.threads():
            with suppress(ProcessLookupError):
                os.sched_setaffinity(thread, {core})
        return self

    def cpu_us(self) -> float:
        """Microseconds of CPU so far, user and kernel.

        A member that ended counts with its parent (in clock ticks), so differences stay right.
        """
        return sum(cpu_us(process) for process in self.members())


def cpu_us(process: psutil.Process) -> float:
    """Microseconds of CPU of a process' threads, exact, and of its children that have ended."""
    try:
        threads = Path(f"/proc/{process.pid}/task").iterdir()
        own = sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads)
        times = process.cpu_times()
    except (FileNotFoundError, ProcessLookupError, psutil.NoSuchProcess):
        return 0
    return own / 1000 + (times.children_user + times.children_system) * 1e6


def pss_mib(process: psutil.Process) -> float:
    """Proportional set size: pages that several processes share count in parts."""
    return _rollup(process, "Pss:")


def anonymous_mib(process: psutil.Process) -> float:
    """The part of it that no file holds; files' parts vary with who else maps them."""
    return _rollup(process, "Pss_Anon:")


def _rollup(process: psutil.Process, field: str) -> float:
    rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    line = next(line for line in rollup.splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def two_cores() -> tuple[int, int]:
    """The core of the gateways, and the one of everything else."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("This needs two cores: one for the gateway, one for what loads it.")
    return cores[0], cores[1]


@contextmanager
def undisturbed(*families: Family) -> Iterator[None]:
    """Run these, this process and what it starts before other work, where that is permitted."""
    priority = os.sched_param(1)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, priority)
    except PermissionError:
        yield
        return
    try:
        _schedule(families, os.SCHED_RR, priority)
        yield
    finally:
        _schedule(families, os.SCHED_OTHER, os.sched_param(0))
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def _schedule(families: tuple[Family, ...], policy: int, priority: os.sched_param) -> None:
    for family in families:
        for thread in family.threads():
            with suppress(ProcessLookupError):
                os.sched_setscheduler(thread, policy, priority)
