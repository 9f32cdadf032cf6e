"""How the C library keeps memory for this process."""

import ctypes
import sys
from collections.abc import Callable

# glibc's names of the settings (malloc.h), and what they are set to.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -2, -3, -8
SETTINGS = {
    # One place for all threads. Otherwise each has one of its own, which is as large as it ever
    # was: those that decode, listen and multiply take turns, and would keep 100 MB and more each.
    M_ARENA_MAX: 1,
    # What was given back stays there for the next. The system would hand out every buffer of a
    # window anew, zeroed and page by page: a twentieth of all the work. A long file is larger than
    # such buffers, and would tear holes.
    M_TRIM_THRESHOLD: 128 * 2**20,
    M_TOP_PAD: 32 * 2**20,
    M_MMAP_THRESHOLD: 8 * 2**20,
}


def keep_memory() -> None:
    """Let all threads take from one place what any of them gave back, and keep some of it there."""
    mallopt = _glibc("mallopt")
    if mallopt is not None:
        for name, value in SETTINGS.items():
            mallopt(name, value)


def give_back_memory() -> None:
    """Give the system what is free, which the settings above would keep."""
    trim = _glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _glibc(name: str) -> Callable[..., int] | None:
    """A function of glibc; other C libraries know no such settings."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
