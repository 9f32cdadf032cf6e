"""Disks that are small enough to fill."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(place: Path, size: str = "1m") -> Iterator[Path]:
    """A file system of that size, mounted at `place` over what is there."""
    place.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("may not mount a file system")
    try:
        yield place
    finally:
        # What still has a file open keeps it until then.
        subprocess.run(["umount", "--lazy", str(place)], check=True)
