"""Admission on a real database; several admissions are several processes to it."""

import asyncio
from contextlib import AsyncExitStack
from datetime import datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from stellwerk.base.limits import Limits
from stellwerk.data.database import Database
from stellwerk.features.keys.types import Principal
from stellwerk.features.limits.errors import BudgetExceededError, RateLimitedError
from stellwerk.features.limits.service import Admission
from stellwerk.features.limits.types import Demand
from stellwerk.ports.sink import parsed
from tests.admissions import admission
from tests.features.limits.conftest import principal
from tests.features.limits.permits import NONE, admitted, enter, hearing, patiently

GRACE = 30.0


async def several(stack: AsyncExitStack, database: Database, count: int) -> list[Admission]:
    made = [await stack.enter_async_context(admission(database, GRACE)) for _ in range(count)]
    for one in made:
        await stack.enter_async_context(hearing(database, one))
    return made


async def test_nothing_limited_costs_nothing(database: Database) -> None:
    free = Principal("key_2", "free", "proj_1", ("*",), frozenset(), None)
    async with admission(database, GRACE) as gate:
        permits = [gate.admit(free, "chat", None, Demand(10**9, 10**9, 10**18)) for _ in range(3)]
    assert permits[0] is permits[1] is permits[2]
    assert permits[0] is not None
    assert permits[0].lines == b""


async def test_one_process_admits_exactly_the_limit(database: Database) -> None:
    async with admission(database, GRACE) as gate:
        assert await admitted(gate, principal(requests_per_minute=20), 60, NONE) == 20


async def test_a_refusal_says_whose_limit_it_is(database: Database) -> None:
    who = principal(requests_per_minute=1)
    async with admission(database, GRACE) as gate:
        permit = await enter(gate, who)
        assert b"x-ratelimit-remaining-requests: 0\r\n" in permit.lines
        with pytest.raises(RateLimitedError, match="'app' is limited to 1 requests a min") as said:
            await enter(gate, who)
    assert said.value.retry_after is not None
    assert 58 <= said.value.retry_after <= 61
    assert (b"x-ratelimit-limit-requests", b"1") in said.value.headers


async def test_all_limits_or_none(database: Database) -> None:
    who = principal(requests_per_minute=5, project=Limits(concurrent_requests=1))
    async with admission(database, GRACE) as gate:
        permit = await enter(gate, who)
        for _ in range(20):
            with pytest.raises(RateLimitedError, match="project 'shop' is limited to 1 requests"):
                await enter(gate, who)
        permit.settle(0, 0, 0)
        permit.settle(0, 0, 0)
        assert await admitted(gate, who, 10, NONE) == 4


async def test_tokens_are_reserved_and_corrected(database: Database) -> None:
    who = principal(input_tokens_per_minute=1000, output_tokens_per_minute=500)
    async with admission(database, GRACE) as gate:
        first = await enter(gate, who, Demand(100, 400))
        with pytest.raises(RateLimitedError, match="500 output tokens a minute"):
            await enter(gate, who, Demand(100, 200))
        first.settle(50, 20, 0)
        second = await enter(gate, who, Demand(900, 450))
        told = dict(parsed(second.lines))
        assert told[b"x-ratelimit-limit-tokens"] == b"500"
        assert told[b"x-ratelimit-remaining-tokens"] == b"30"
        with pytest.raises(RateLimitedError, match="may need 1001"):
            await enter(gate, who, Demand(1001, 0))


async def test_a_model_is_limited_for_all_keys_together(database: Database) -> None:
    limits = Limits(requests_per_minute=3)
    async with admission(database, GRACE) as gate:
        for key in ("key_1", "key_2", "key_3"):
            await enter(gate, principal(key), model=limits)
        with pytest.raises(RateLimitedError, match="The model 'chat'"):
            await enter(gate, principal("key_4"), model=limits)


@pytest.mark.parametrize("budget", ["monthly_budget", "prepaid_budget"])
async def test_a_budget_is_reserved_and_what_is_not_spent_comes_back(
    database: Database, budget: str
) -> None:
    who = principal(**{budget: "0.000001"})  # type: ignore[arg-type]
    async with admission(database, GRACE) as gate:
        first = await enter(gate, who, Demand(cost=900))
        with pytest.raises(BudgetExceededError, match=r"budget of 0\.000001") as said:
            await enter(gate, who, Demand(cost=200))
        first.settle(0, 0, 300)
        (await enter(gate, who, Demand(cost=700))).settle(0, 0, 700)
    assert (said.value.kind.status, said.value.kind.type) == (429, "insufficient_quota")
    assert (b"x-should-retry", b"false") in said.value.headers
    async with admission(database, GRACE) as gate:
        with pytest.raises(BudgetExceededError):
            await enter(gate, who, Demand(cost=1))


async def test_a_month_begins_with_a_full_budget(database: Database) -> None:
    who = principal(monthly_budget="0.000001", prepaid_budget="0.0000015")
    async with admission(database, GRACE) as gate:
        running = await enter(gate, who, Demand(cost=1000))
        with pytest.raises(BudgetExceededError, match="monthly"):
            await enter(gate, who, Demand(cost=1))
        gate._cells.turn(datetime.now().astimezone() + timedelta(days=32))
        (await enter(gate, who, Demand(cost=400))).settle(0, 0, 400)
        running.settle(0, 0, 1000)
        with pytest.raises(BudgetExceededError, match="prepaid"):
            await enter(gate, who, Demand(cost=101))


async def test_changed_limits_count_at_once(database: Database) -> None:
    async with admission(database, GRACE) as gate:
        assert await admitted(gate, principal(requests_per_minute=10), 5, NONE) == 5
        assert await admitted(gate, principal(requests_per_minute=7), 5, NONE) == 2
        assert await admitted(gate, principal(requests_per_minute=9), 5, NONE) == 2
        assert await admitted(gate, principal(), 5, NONE) == 5
        assert await admitted(gate, principal(requests_per_minute=20), 40, NONE) == 11


async def test_four_processes_together_admit_exactly_the_limit(database: Database) -> None:
    who = principal(requests_per_minute=20)
    async with AsyncExitStack() as stack:
        gates = await several(stack, database, 4)
        counts = await asyncio.gather(*(admitted(gate, who, 40, NONE) for gate in gates))
    # Few tries, all at once: a unit may lie unused with a process that has given up.
    assert 17 <= sum(counts) <= 20


async def test_one_of_four_processes_can_use_the_whole_limit(database: Database) -> None:
    who = principal(requests_per_minute=20)
    async with AsyncExitStack() as stack:
        first, *others = await several(stack, database, 4)
        for gate in others:
            await enter(gate, who)
        for _ in range(17):
            await patiently(first, who)
        with pytest.raises(RateLimitedError):
            await enter(first, who)


async def test_running_requests_of_four_processes(database: Database) -> None:
    who = principal(concurrent_requests=3)
    async with AsyncExitStack() as stack:
        gates = await several(stack, database, 4)
        permits = [await enter(gate, who) for gate in gates[:3]]
        with pytest.raises(RateLimitedError, match="3 requests at a time"):
            await enter(gates[3], who)
        permits[0].settle(0, 0, 0)
        permits[0] = await patiently(gates[3], who)
        for permit in permits:
            permit.settle(0, 0, 0)


async def test_a_budget_of_four_processes(database: Database) -> None:
    who = principal(prepaid_budget="0.000001")
    async with AsyncExitStack() as stack:
        gates = await several(stack, database, 4)
        demand = Demand(cost=10)
        counts = await asyncio.gather(*(admitted(gate, who, 60, demand) for gate in gates))
        assert sum(counts) <= 100
        rest = [await admitted(gate, who, 60, demand) for gate in gates]
    # What is left may lie in parts, each too small for a request.
    assert 97 <= sum(counts) + sum(rest) <= 100


async def test_refusals_are_counted_by_whose_limit_and_which(database: Database) -> None:
    registry = CollectorRegistry()
    caller = principal(requests_per_minute=1)
    async with admission(database, GRACE, registry) as gate:
        assert await admitted(gate, caller, 3, NONE) == 1
    labels = {"scope": "key", "limit": "requests_per_minute"}
    assert registry.get_sample_value("stellwerk_limited_total", labels) == 2
