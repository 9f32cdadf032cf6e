"""Real processes on one database: their sum, a killed one, and the database going away."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from stellwerk.data.database import Database
from stellwerk.features.keys.types import Principal
from stellwerk.features.limits.errors import BudgetExceededError, LimitsUnavailableError
from stellwerk.features.limits.service import Admission
from stellwerk.features.limits.types import Demand
from stellwerk.migrations import upgrade
from stellwerk.supervisor.postgres import EmbeddedPostgres
from tests.admissions import admission
from tests.features.limits.conftest import principal
from tests.features.limits.hammer import HELD
from tests.features.limits.permits import enter, patiently


@asynccontextmanager
async def child(dsn: str, *arguments: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.features.limits.hammer",
        dsn,
        *arguments,
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def hammered(dsn: str, working: int, seconds: float) -> list[list[float]]:
    """Four processes, of which some hammer one key: when each admitted a request."""
    async with (
        child(dsn, "hammer", str(seconds)) as one,
        child(dsn, "hammer", str(seconds)) as two,
        child(dsn, "hammer", str(seconds)) as three,
        child(dsn, "hammer", str(seconds)) as four,
    ):
        done = await asyncio.gather(
            *(process.communicate(b"go\n") for process in (one, two, three, four)[:working])
        )
    return [[float(line) for line in output.split()] for output, _ in done]


def most(moments: list[float], window: float = 60.0) -> int:
    """The most requests in any half-open interval of a window's length."""
    ordered = sorted(moments)
    return max(
        index + 1 - bisect_right(ordered, moment - window) for index, moment in enumerate(ordered)
    )


async def test_four_processes_hammer_one_key(database: Database) -> None:
    admitted = await hammered(database.dsn, working=4, seconds=4)
    assert 18 <= sum(map(len, admitted)) <= 20


async def test_one_connection_uses_the_limit_while_others_idle(database: Database) -> None:
    [admitted] = await hammered(database.dsn, working=1, seconds=4)
    assert 18 <= len(admitted) <= 20


@pytest.mark.long
async def test_no_minute_ever_sees_more_than_the_limit(database: Database) -> None:
    admitted = await hammered(database.dsn, working=4, seconds=190)
    moments = sorted(moment for one in admitted for moment in one)
    assert most(moments) <= 20
    # Each window begins anew about a second after the last one ended.
    assert len(moments) >= 72
    assert max(after - before for before, after in pairwise(moments)) < 66


async def test_a_killed_process_gives_its_slots_back(database: Database) -> None:
    async with admission(database, 30) as gate, child(database.dsn, "hold") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"go\n")
        assert await process.stdout.readline() == b"held 2\n"
        process.kill()
        await process.wait()
        # What it had reserved may have been spent.
        permits = [await patiently(gate, HELD, Demand(cost=250)) for _ in range(2)]
        permits[0].settle(0, 0, 250)
        with pytest.raises(BudgetExceededError):
            await patiently(gate, HELD, Demand(cost=1))


@pytest.mark.long
async def test_a_killed_process_s_requests_are_back_within_a_window(database: Database) -> None:
    async with child(database.dsn, "hammer", "3") as process:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        await asyncio.sleep(2)
        process.kill()
        await process.wait()
    who = principal(requests_per_minute=20)
    clock = asyncio.get_running_loop().time
    killed = clock()
    async with admission(database, 30) as gate:
        for _ in range(20):
            await patiently(gate, who)
    assert clock() - killed < 66


async def until_refused(gate: Admission, who: Principal) -> None:
    while True:
        await enter(gate, who)
        await asyncio.sleep(0.2)


async def test_without_the_database_slices_serve_on_for_a_while(
    embedded: Callable[..., EmbeddedPostgres],
) -> None:
    who, postgres = principal(requests_per_minute=1000), embedded(version=18)
    async with postgres:
        await upgrade(postgres.dsn)
        database = Database(postgres.dsn)
        entered = admission(database, 5)
        gate = await entered.__aenter__()
        await enter(gate, who)
    # It is away: what is held serves on, then nothing limited does.
    await enter(gate, who)
    other = principal("key_2", requests_per_minute=1000)
    with pytest.raises(LimitsUnavailableError):
        await enter(gate, other)
    with pytest.raises(LimitsUnavailableError):
        await until_refused(gate, who)
    async with embedded(version=18):
        while True:
            try:
                permit = await enter(gate, who)
                break
            except LimitsUnavailableError:
                await asyncio.sleep(0.2)
        permit.settle(0, 0, 0)
        await entered.__aexit__(None, None, None)
        await database.close()
