"""A process of its own that asks for permits: `python -m ... DSN HOW`, orders from its input.

`hammer SECONDS`: asks for 20 requests a minute as fast as it can, and prints when each was
admitted (the machine's steady clock). `hold`: takes two slots and 500 nano-units, and keeps them.
"""

import asyncio
import contextlib
import sys
import time

from stellwerk.data.database import Database
from stellwerk.features.limits.errors import RateLimitedError
from stellwerk.features.limits.service import Admission
from stellwerk.features.limits.types import Demand
from tests.admissions import admission
from tests.features.limits.conftest import principal
from tests.features.limits.permits import NONE, enter, hearing

HAMMERED = principal(requests_per_minute=20)
HELD = principal(concurrent_requests=2, prepaid_budget="0.000001")


async def main(dsn: str, how: str, seconds: float) -> None:
    async with Database(dsn) as database, admission(database, 30) as gate, hearing(database, gate):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await (hold(gate) if how == "hold" else hammer(gate, seconds))


async def hammer(gate: Admission, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(RateLimitedError):
            (await enter(gate, HAMMERED, NONE)).settle(0, 0, 0)
            print(time.monotonic())
        await asyncio.sleep(0.02)


async def hold(gate: Admission) -> None:
    permits = [await enter(gate, HELD, Demand(cost=250)) for _ in range(2)]
    # Reservations are told to the database each second.
    await asyncio.sleep(2.5)
    print("held", len(permits), flush=True)
    await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float([*sys.argv, "0"][3])))
