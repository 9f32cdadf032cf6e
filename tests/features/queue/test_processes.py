"""Workers that are processes, and what happens to them."""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from stellwerk.data.database import Database
from stellwerk.features.queue.service import Queue
from stellwerk.features.queue.types import State
from tests.features.queue.conftest import new

WORKER = str(Path(__file__).parent / "small_worker.py")


@asynccontextmanager
async def process(
    database: Database, lease: float, pause: float
) -> AsyncIterator[asyncio.subprocess.Process]:
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, WORKER, database.dsn, str(lease), str(pause)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()


async def line(started: asyncio.subprocess.Process) -> str:
    assert started.stdout is not None
    return (await asyncio.wait_for(started.stdout.readline(), 60)).decode().strip()


async def until_claimed(started: asyncio.subprocess.Process) -> int:
    """Wait until the process has claimed some, and give their number."""
    while True:
        words = (await line(started)).split()
        if words[0] == "claimed" and words[1] != "0":
            return int(words[1])


async def rest(started: asyncio.subprocess.Process) -> Counter[str]:
    """What the process still says until it ends by itself."""
    assert started.stdout is not None
    said = await asyncio.wait_for(started.stdout.read(), 60)
    assert await started.wait() == 0
    return Counter(text.split()[0] for text in said.decode().splitlines())


async def answers(queue: Queue, names: list[str]) -> list[tuple[int, int]]:
    """The process and the claim that answered each request."""
    found: list[tuple[int, int]] = []
    for name in names:
        assert (await queue.get("key_a", name)).state is State.COMPLETED
        answer = await queue.answer("key_a", name)
        assert answer is not None
        pid, fence = answer.body.split()
        found.append((int(pid), int(fence)))
    return found


async def test_two_workers_do_two_thousand_requests_once_each(
    database: Database, queue: Queue
) -> None:
    names = await asyncio.gather(*(queue.submit(new()) for _ in range(2000)))
    async with process(database, 30, 0) as one, process(database, 30, 0) as two:
        said = [await rest(one), await rest(two)]
    assert [each["lost"] for each in said] == [0, 0]
    assert sum(each["written"] for each in said) == 2000
    assert {fence for _, fence in await answers(queue, list(names))} == {1}


async def test_what_a_killed_worker_had_runs_elsewhere(database: Database, queue: Queue) -> None:
    names = [await queue.submit(new()) for _ in range(3)]
    async with process(database, 1, 60) as doomed:
        assert await until_claimed(doomed) == 3
        doomed.kill()
        await doomed.wait()
        async with process(database, 1, 0) as other:
            while await queue.ended(names) == []:
                await asyncio.sleep(0.1)
            found = await answers(queue, names)
            assert {pid for pid, _ in found} == {other.pid}
            assert {fence for _, fence in found} == {2}


async def test_a_worker_that_slept_beyond_its_lease_changes_nothing(
    database: Database, queue: Queue
) -> None:
    names = [await queue.submit(new()) for _ in range(3)]
    async with process(database, 1, 0.5) as sleeper:
        assert await until_claimed(sleeper) == 3
        sleeper.send_signal(signal.SIGSTOP)
        async with process(database, 1, 0) as other:
            while len(await queue.ended(names)) < 3:
                await asyncio.sleep(0.1)
            before = await answers(queue, names)
            assert {pid for pid, _ in before} == {other.pid}
            sleeper.send_signal(signal.SIGCONT)
            assert (await rest(sleeper))["lost"] == 3
            assert await answers(queue, names) == before


async def test_a_worker_that_sleeps_in_the_middle_of_a_claim_stops_nobody(
    database: Database, queue: Queue
) -> None:
    names = [await queue.submit(new()) for _ in range(50)]
    async with process(database, 1, 0) as sleeper:
        await until_claimed(sleeper)
        sleeper.send_signal(signal.SIGSTOP)
        async with process(database, 1, 0):
            async with asyncio.timeout(60):
                while len(await queue.ended(names)) < 50:
                    await asyncio.sleep(0.1)
        sleeper.send_signal(signal.SIGCONT)
