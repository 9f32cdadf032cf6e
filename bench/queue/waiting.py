"""How long a key's one job waits for another key's thousands."""

import asyncio
import statistics
import time

from bench.queue.ours import Caller, queue_of
from stellwerk.base.settings import QueueSettings
from stellwerk.features.queue.types import Job

WAITING, RUN, SLOTS, SINGLE = 5000, 0.05, 4, 20
# What the idle queue may take to start a job, in milliseconds.
IDLE = 20


async def fairness(dsn: str) -> str:
    """One key has 5,000 jobs of 50 ms waiting for 4 slots; another puts in one at a time."""
    started: dict[str, float] = {}

    def begun(job: Job) -> None:
        started[job.id] = time.perf_counter()

    settings = QueueSettings(slots=SLOTS, per_model=10_000, waiting=10_000)
    async with queue_of(dsn, begun, settings, RUN) as (queue, waiting):
        many = Caller(queue, waiting, "key_many", 1)
        await asyncio.gather(*(queue.submit(many.new()) for _ in range(WAITING)))
        one = Caller(queue, waiting, "key_one", 1)
        delays = []
        for _ in range(SINGLE):
            new, began = one.new(), time.perf_counter()
            await one.one(new)
            delays.append((started[new.id] - began) * 1000)
        left, _ = await queue.waiting("key_many")
        page = await queue.page("key_many", limit=100)
        while page:
            for request in page:
                if not request.state.final:
                    await queue.cancel("key_many", request.id)
            page = await queue.page("key_many", after=page[-1].id, limit=100)
    median, worst = statistics.median(delays), max(delays)
    bound = RUN * 1000 + IDLE
    kept = "yes" if median <= bound else "NO"
    return (
        f"one job beside {WAITING} of another key ({left} still waiting): waits {median:.0f} ms, "
        f"at most {worst:.0f}; a job runs {RUN * 1000:.0f} ms; bound {bound:.0f}: kept {kept}"
    )
