"""A child that ends when this process does, however that ends."""

import asyncio
import ctypes
import os
import signal
import subprocess
import threading

from stellwerk.supervisor.postgres_account import Account
from stellwerk.supervisor.postgres_errors import PostgresError

PR_SET_PDEATHSIG = 1
# The server shall not depend on the variables that its parent happens to have.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def spawn(
    command: list[str], account: Account | None, output: int, at_death: signal.Signals
) -> subprocess.Popen[bytes]:
    """Start `command` as `account`, with what it prints appended to the descriptor `output`.

    When this process dies, the kernel sends it `at_death`. It has a session of its own, so a
    Ctrl-C in the terminal is for this process to act on. Call this in the main thread: the kernel
    watches the thread that starts a child.
    """
    if threading.current_thread() is not threading.main_thread():
        raise AssertionError("a child of another thread would end with that thread")
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def bind() -> None:
        # This runs after the change of account, which would undo the kernel's promise.
        libc.prctl(PR_SET_PDEATHSIG, int(at_death), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    try:
        return subprocess.Popen(  # noqa: S603
            command,
            cwd="/",
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=bind,  # noqa: PLW1509
            **(account.credentials() if account else {}),
        )
    except OSError as error:
        raise PostgresError(f"{command[0]} cannot be started: {error}") from error


async def ended(
    process: subprocess.Popen[bytes], seconds: float, every: float = 0.02
) -> int | None:
    """Wait for the end of `process`: its status, or None when it still runs after `seconds`."""
    loop = asyncio.get_running_loop()
    limit = loop.time() + seconds
    while True:
        status = process.poll()
        if status is not None or loop.time() > limit:
            return status
        await asyncio.sleep(every)


async def run(command: list[str], account: Account | None, output: int) -> int:
    """Run `command` to its end and return its status; a cancelled run leaves no process."""
    process = spawn(command, account, output, signal.SIGTERM)
    try:
        while (status := await ended(process, 3600)) is None:
            continue
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    return status
