"""pgqueuer, and one row for each result: run by the Python of the peers, see `make bench-peers`.

Arguments: the database, the clients that wait at a time. Each line of input is a number of jobs;
each line of output tells what they took.
"""

import asyncio
import sys
import time
from datetime import timedelta

import asyncpg
import uvloop
from pgqueuer import PgQueuer, Queries
from pgqueuer.models import Job

from bench.queue.serving import serve

ANSWER = b'{"ok":true}'
BODY = b'{"model":"m","input":"hello"}'
# What a handler does to store its answer and tell whoever waits.
STORE = """
    with put as (insert into results (id, answer) values ($1, $2) returning id)
    select pg_notify('results', id::text) from put
"""
TABLE = "create table if not exists results (id bigint primary key, answer bytea not null)"


class Waiting:
    """Those who wait for results, and the results that came first."""

    def __init__(self) -> None:
        self._futures: dict[int, asyncio.Future[None]] = {}

    def heard(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        future = self.future(int(payload))
        if not future.done():
            future.set_result(None)

    def future(self, number: int) -> "asyncio.Future[None]":
        if number not in self._futures:
            self._futures[number] = asyncio.get_running_loop().create_future()
        return self._futures[number]

    async def result(self, number: int) -> None:
        await self.future(number)
        del self._futures[number]


async def work(dsn: str, clients: int) -> None:
    async with asyncpg.create_pool(dsn, min_size=8, max_size=8) as pool:
        queries = Queries.from_asyncpg_pool(pool)
        if not await queries.schema_is_installed():
            await queries.install()
            await pool.execute(TABLE)
        waiting = Waiting()
        listener = await asyncpg.connect(dsn)
        await listener.add_listener("results", waiting.heard)
        queuer = PgQueuer.from_asyncpg_pool(pool)
        started: list[float] = []

        @queuer.entrypoint("noop")  # type: ignore[untyped-decorator]
        async def noop(job: Job) -> None:
            started.append(time.perf_counter())
            await pool.execute(STORE, job.id, ANSWER)

        running = asyncio.create_task(
            queuer.run(
                batch_size=50, max_concurrent_tasks=100, dequeue_timeout=timedelta(seconds=1)
            )
        )

        async def one() -> None:
            [number] = await queries.enqueue("noop", BODY, 0)
            await waiting.result(number)
            answer = await pool.fetchval("select answer from results where id = $1", number)
            assert answer == ANSWER

        async def client(left: list[int]) -> None:
            while left:
                left.pop()
                await one()

        await serve(client, one, clients, started)
        queuer.shutdown.set()
        await running
        await listener.close()


if __name__ == "__main__":
    uvloop.run(work(sys.argv[1], int(sys.argv[2])))
