"""Room on the disk, and files that take no second copy where the disk can do without."""

import fcntl
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from stellwerk.features.weights.errors import DiskFullError

# FICLONE of linux/fs.h: both files share their blocks until one of them is written.
FICLONE = 0x40049409
CHUNK = 2**20


def check_room(directory: Path, need: int) -> None:
    """Raise `DiskFullError` unless `need` more bytes fit on the disk of `directory`."""
    free = shutil.disk_usage(directory).free
    if need > free:
        raise DiskFullError(
            f"{megabytes(need)} are needed in {directory}, {megabytes(free)} are free. "
            "Make room there, or name another directory in the setting weights_dir."
        )


def megabytes(count: int) -> str:
    """A number of bytes for people: `491 MB`."""
    return f"{count / 1e6:,.{0 if count >= 1e6 else 3}f} MB"


def duplicate(origin: Path, into: Path, advanced: Callable[[int], None]) -> None:
    """Give `origin` a second name: shared blocks, else a hard link, else a copy."""
    into.unlink(missing_ok=True)
    if _cloned(origin, into):
        return
    with suppress(OSError):
        os.link(origin, into)
        return
    check_room(into.parent, origin.stat().st_size)
    with origin.open("rb") as source, into.open("wb") as target:
        while chunk := source.read(CHUNK):
            target.write(chunk)
            advanced(len(chunk))


def _cloned(origin: Path, into: Path) -> bool:
    try:
        with origin.open("rb") as source, into.open("wb") as target:
            fcntl.ioctl(target, FICLONE, source.fileno())
    except OSError:
        into.unlink(missing_ok=True)
        return False
    return True
