import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from stellwerk.supervisor.children import Child, ChildError
from tests.supervisor.conftest import command_of, until

READY = "import sys, time; orders = sys.stdin.readline(); print('{\"ready\": true}', flush=True)\n"
SLEEP = READY + "time.sleep(3600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEP
LIMIT = 30


async def start(code: str, *, limit: float = LIMIT, orders: bytes = b"{}") -> Child:
    return await Child.start([sys.executable, "-c", code], orders, timeout=limit)


def children() -> list[psutil.Process]:
    """The children that `start` made; the PostgreSQL of other tests may be there, too."""
    return [child for child in psutil.Process().children() if command_of(child)[1:2] == ["-c"]]


async def test_a_child_is_asked_to_end() -> None:
    child = await start(SLEEP)
    assert psutil.pid_exists(child.pid)
    assert os.getsid(child.pid) == child.pid
    await child.stop(LIMIT)
    assert await child.ended() == "signal SIGTERM"
    assert children() == []


async def test_a_child_that_does_not_end_is_killed() -> None:
    child = await start(STUBBORN)
    await child.stop(0.2)
    assert await child.ended() == "signal SIGKILL"


async def test_what_a_child_started_ends_with_it(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    grandchild = (
        "import subprocess, sys; import pathlib\n"
        "process = subprocess.Popen(['sleep', '3600'])\n"
        f"pathlib.Path({str(told)!r}).write_text(str(process.pid))\n"
    )
    child = await start(grandchild + SLEEP)
    pid = int(told.read_text())
    assert psutil.pid_exists(pid)
    await child.stop(LIMIT)
    await until(lambda: not psutil.pid_exists(pid) or is_zombie(pid))


def is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_a_child_gets_its_orders_and_may_print(tmp_path: Path) -> None:
    copy = tmp_path / "orders"
    code = (
        "import sys, pathlib; print('a library says hello'); "
        f"pathlib.Path({str(copy)!r}).write_text(sys.stdin.readline())\n"
        "print('{\"ready\": true}', flush=True); print('x' * 1_000_000, flush=True)\n"
        "sys.stdin.read()"
    )
    child = await start(code, orders=b'{"to": "do"}')
    assert copy.read_text() == '{"to": "do"}\n'
    await child.stop(LIMIT)


@pytest.mark.parametrize("noise", ["b'x' * 1_000_000", "b'[' * 65536", 'b\'{"error": "\\xff"}\''])
async def test_noise_before_the_first_word_is_passed_over(noise: str) -> None:
    code = f"import sys; sys.stdout.buffer.write({noise} + b'\\n'); sys.stdout.flush()\n"
    child = await start(code + SLEEP)
    await child.stop(LIMIT)


async def test_a_first_word_that_comes_in_pieces() -> None:
    code = (
        "import sys, time\n"
        "for letter in '{\"ready\": true}\\n':\n"
        "    sys.stdout.write(letter); sys.stdout.flush(); time.sleep(0.01)\n"
        "time.sleep(3600)"
    )
    child = await start(code)
    await child.stop(LIMIT)


async def test_an_endless_line_is_no_reason_to_wait_longer() -> None:
    with pytest.raises(ChildError, match=r"not ready after 0\.5 s"):
        await start("while True: print('x' * 65536, end='')", limit=0.5)
    assert children() == []


async def test_an_end_by_a_signal_without_a_name_is_told() -> None:
    with pytest.raises(ChildError, match="signal 40 before it was ready"):
        await start("import os; os.kill(os.getpid(), 40)")


async def test_an_error_of_the_child_is_told() -> None:
    with pytest.raises(ChildError, match=r"^the boiler is cold$"):
        await start('print(\'{"error": "the boiler is cold"}\')')
    assert children() == []


async def test_a_child_that_ends_without_a_word_is_told() -> None:
    with pytest.raises(ChildError, match=r"exit status 7 before it was ready"):
        await start("raise SystemExit(7)")
    with pytest.raises(ChildError, match=r"signal SIGKILL before it was ready"):
        await start("import os; os.kill(os.getpid(), 9)")


async def test_a_child_that_never_is_ready_is_killed() -> None:
    with pytest.raises(ChildError, match=r"not ready after 0\.3 s"):
        await start("import time; time.sleep(3600)", limit=0.3)
    assert children() == []


async def test_a_cancelled_start_leaves_no_process() -> None:
    starting = asyncio.create_task(start("import time; time.sleep(3600)"))
    await until(children)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert children() == []


async def test_a_missing_program_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError):
        await Child.start(["/no/such/program"], b"{}", timeout=LIMIT)


async def test_children_die_with_their_parent(tmp_path: Path) -> None:
    """The parent is killed; the child ignores the end of its standard input."""
    code = (
        "import asyncio, sys\n"
        "from stellwerk.supervisor.children import Child\n"
        "async def main():\n"
        f"    child = await Child.start([sys.executable, '-c', {STUBBORN!r}], b'', timeout=30)\n"
        "    print(child.pid, flush=True)\n"
        "    await asyncio.sleep(3600)\n"
        "asyncio.run(main())"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout
    pid = int(await parent.stdout.readline())
    assert psutil.pid_exists(pid)
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    await until(lambda: not psutil.pid_exists(pid) or is_zombie(pid))
