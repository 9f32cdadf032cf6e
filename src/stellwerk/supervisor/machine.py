"""What this machine, or the container that we are in, has to give."""

import os
from pathlib import Path

import psutil

SHARE = 0.7
CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def memory() -> int:
    """Bytes of memory: the machine's, or the container's if that is less."""
    return min([psutil.virtual_memory().total, *cgroup_limits(CGROUPS, MEMBERSHIP)])


def default_budget() -> int:
    """Bytes that engines may use together when the settings do not say."""
    return int(memory() * SHARE)


def cores() -> int:
    """Physical cores, or the processors that this process is bound to if those are fewer."""
    allowed = len(os.sched_getaffinity(0))
    return min(psutil.cpu_count(logical=False) or allowed, allowed)


def cgroup_limits(root: Path, membership: Path) -> list[int]:
    """Memory limits, in bytes, of the control groups (version 2, then 1) that we are in."""
    files = [
        *(path / "memory.max" for path in _groups(root, membership)),
        root / "memory" / "memory.limit_in_bytes",
    ]
    return [limit for file in files if (limit := _limit(file))]


def _groups(root: Path, membership: Path) -> list[Path]:
    """Our group of version 2 and all those above it, as far as this namespace shows them."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return [root]
    name = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), "")
    group = Path(name)
    return [root / group, *(root / parent for parent in group.parents)]


def _limit(file: Path) -> int | None:
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
