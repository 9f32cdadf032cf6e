"""The queue without HTTP: callers put in, wait and read; a worker runs a verb that does nothing.

Arguments and lines are those of `peer`.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import uvloop

from bench.queue.serving import serve
from stellwerk.base.log import configure
from stellwerk.base.settings import QueueSettings
from stellwerk.data.database import Database
from stellwerk.data.notify import Heard, Listener
from stellwerk.features.queue.claims import Claims
from stellwerk.features.queue.service import Queue
from stellwerk.features.queue.statements import DONE, NEW
from stellwerk.features.queue.types import Job, NewRequest
from stellwerk.features.queue.waiting import Waiting
from stellwerk.worker.storing import Storing
from stellwerk.worker.worker import Worker

ANSWER = b'{"ok":true}'
BODY = b'{"model":"m","input":"hello"}'
Begun = Callable[[Job], None]
SETTINGS = QueueSettings(slots=100, per_model=10_000)


async def nothing_leased() -> dict[str, int]:
    return {}


class Caller:
    """One who asks over and over: puts in, waits, reads."""

    def __init__(self, queue: Queue, waiting: Waiting, key: str, retention: int) -> None:
        self._queue = queue
        self._waiting = waiting
        self._key = key
        self._retention = retention

    def new(self, model: str = "m") -> NewRequest:
        return NewRequest(self._key, "proj", "noop", model, BODY, retention=self._retention)

    async def one(self, given: NewRequest | None = None) -> None:
        new = given or self.new()
        with self._waiting.watch(new.id) as watch:
            await self._queue.submit(new)
            while (answer := await self._queue.answer(self._key, new.id)) is None:
                await watch.news(5)
        assert answer.body == ANSWER


@asynccontextmanager
async def queue_of(
    dsn: str, begun: Begun, settings: QueueSettings = SETTINGS, pause: float = 0
) -> AsyncIterator[tuple[Queue, Waiting]]:
    """A queue with one worker. A job takes `pause` seconds; `begun` hears of each."""

    async def noop(job: Job, sink: Storing) -> None:
        begun(job)
        if pause:
            await asyncio.sleep(pause)
        await sink.head(200, [(b"content-type", b"application/json")])
        await sink.data(ANSWER)
        await sink.end()

    async with Database(dsn) as database, Queue(database) as queue:
        waiting = Waiting(queue)
        async with Claims(database, "bench", timedelta(seconds=5)) as claims:
            worker = Worker(claims, {"noop": noop}, nothing_leased, settings)
            heard: dict[str, Heard] = {DONE: waiting.heard, NEW: worker.wake}
            listener = Listener(database, heard, poll=waiting.poll)
            listening = asyncio.create_task(listener.run())
            async with worker.running():
                yield queue, waiting
            listening.cancel()


async def work(dsn: str, clients: int, retention: int) -> None:
    started: list[float] = []

    def begun(_: Job) -> None:
        started.append(time.perf_counter())

    async with queue_of(dsn, begun) as (queue, waiting):
        caller = Caller(queue, waiting, "key", retention)

        async def client(left: list[int]) -> None:
            while left:
                left.pop()
                await caller.one()

        await serve(client, caller.one, clients, started)


if __name__ == "__main__":
    configure("warning", "json")
    uvloop.run(work(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
