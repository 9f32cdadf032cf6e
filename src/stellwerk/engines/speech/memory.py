"""How the C library keeps memory for this process."""

import ctypes
import sys

# glibc's name of the setting (malloc.h).
M_ARENA_MAX = -8


def share_memory_between_threads() -> None:
    """Let all threads take from one place what any of them gave back.

    glibc gives each thread a place of its own, which is as large as it ever was. The threads that
    decode, listen and multiply take turns here, and would keep 100 MB and more of it each for
    itself. Other C libraries know no such setting.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(M_ARENA_MAX, 1)
