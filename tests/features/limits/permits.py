"""Asking for permits as a door does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stellwerk.base.limits import Limits
from stellwerk.data.database import Database
from stellwerk.data.notify import Listener
from stellwerk.features.keys.types import Principal
from stellwerk.features.limits.errors import BudgetExceededError, RateLimitedError
from stellwerk.features.limits.gate import Permit
from stellwerk.features.limits.ledger import CHANNEL
from stellwerk.features.limits.service import Admission
from stellwerk.features.limits.types import Demand

NONE = Demand()


async def enter(
    admissions: Admission, who: Principal, demand: Demand = NONE, model: Limits | None = None
) -> Permit:
    permit = admissions.admit(who, "chat", model, demand)
    return permit or await admissions.admit_waiting(who, "chat", model, demand)


async def patiently(admissions: Admission, who: Principal, demand: Demand = NONE) -> Permit:
    """Ask again and again, as clients do; the test's own time limit ends it."""
    while True:
        try:
            return await enter(admissions, who, demand)
        except RateLimitedError:
            await asyncio.sleep(0.2)


async def admitted(admissions: Admission, who: Principal, tries: int, demand: Demand) -> int:
    """How many of so many tries are admitted, one after the other."""
    count = 0
    for _ in range(tries):
        try:
            (await enter(admissions, who, demand)).settle(*demand[:3])
        except (RateLimitedError, BudgetExceededError):
            continue
        count += 1
    return count


@asynccontextmanager
async def hearing(database: Database, admissions: Admission) -> AsyncIterator[None]:
    """Let an admission hear what others ask for, as a hub does."""

    async def poll() -> None:
        return

    listener = Listener(database, {CHANNEL: admissions.wanted}, poll=poll, interval=0.2)
    task = asyncio.create_task(listener.run())
    yield
    task.cancel()
    await asyncio.wait([task])
