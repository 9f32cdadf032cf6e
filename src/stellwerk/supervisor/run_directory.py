"""The private directory that holds our Unix sockets while we serve."""

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stellwerk.base.errors import StellwerkError

# A socket's path may have 107 bytes; this leaves room for the file names.
LONGEST = 75


class RunDirectoryError(StellwerkError):
    """Somebody else owns the place of the sockets."""


def place(data_dir: Path) -> Path:
    """`run` in the data directory, or a directory for temporary files if that name is too long."""
    inside = data_dir.resolve() / "run"
    if len(os.fsencode(inside)) <= LONGEST:
        return inside
    name = "stellwerk-" + hashlib.sha256(os.fsencode(inside)).hexdigest()[:16]
    temporary = Path(tempfile.gettempdir()) / name
    return temporary if len(os.fsencode(temporary)) <= LONGEST else Path("/tmp") / name  # noqa: S108


@contextmanager
def run_directory(data_dir: Path) -> Iterator[Path]:
    """An empty directory that only this user can enter; it is gone at the end.

    The caller holds the lock of `data_dir`, so what lies there was left by a process that died.
    """
    directory = place(data_dir)
    _clear(directory)
    directory.mkdir(mode=0o700)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _clear(directory: Path) -> None:
    try:
        status = directory.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise RunDirectoryError(f"{directory} is not a directory of this user. Remove it.")
    shutil.rmtree(directory)
