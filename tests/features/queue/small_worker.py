"""A process that claims requests and answers each with its own number, until killed or idle.

Arguments: the database, the seconds that a lease lasts, and the seconds that each request takes.
It prints a line when it has claimed, and one for each answer: `written` or `lost`.
"""

import asyncio
import os
import sys
from datetime import timedelta

from stellwerk.data.database import Database
from stellwerk.features.queue.claims import Claims, Room
from stellwerk.features.queue.types import Answer, Job, Outcome, State

ROOM = Room(5, ["embeddings"], 1000, {})


async def work(dsn: str, lease: float, pause: float) -> None:
    async with (
        Database(dsn, pool_size=1) as database,
        Claims(database, "test", timedelta(seconds=lease)) as claims,
    ):
        await claims.enter()
        idle = 0
        while idle < 20:
            jobs = await claims.claim(ROOM)
            print("claimed", len(jobs), flush=True)
            await asyncio.sleep(pause if jobs else 0.05)
            idle = 0 if jobs else idle + 1
            for written in await claims.finish([outcome(job) for job in jobs]):
                print("written" if written else "lost", flush=True)
            if await claims.beat() is None:
                await claims.enter()
            await claims.sweep()


def outcome(job: Job) -> Outcome:
    body = f"{os.getpid()} {job.fence}".encode()
    return Outcome(job.id, job.fence, State.COMPLETED, Answer(200, "text/plain", body))


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], float(sys.argv[2]), float(sys.argv[3])))
