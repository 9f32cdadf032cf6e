"""Claims: one by one, under a lease, fenced."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from stellwerk.data.database import Database
from stellwerk.features.queue.claims import Claims
from stellwerk.features.queue.errors import RequestLiveError, UnknownRequestError
from stellwerk.features.queue.service import Queue
from stellwerk.features.queue.submit import submit
from stellwerk.features.queue.types import State
from tests.features.queue.conftest import done, new, room, worker


async def state(queue: Queue, name: str) -> State:
    return (await queue.get("key_a", name)).state


async def test_a_request_is_claimed_once_and_its_answer_is_kept(
    queue: Queue, claims: Claims
) -> None:
    name = await queue.submit(new(body=b"body"))
    [job] = await claims.claim(room(5))
    assert (job.id, job.body, job.fence, job.attempts) == (name, b"body", 1, 1)
    assert await claims.claim(room(5)) == []
    assert await queue.answer("key_a", name) is None
    assert await claims.finish([done(job)]) == [True]
    answer = await queue.answer("key_a", name)
    assert answer is not None
    assert (answer.status, answer.content_type, answer.body) == (200, "text/plain", b"done")
    request = await queue.get("key_a", name)
    assert request.state is State.COMPLETED
    assert request.started_at is not None
    assert request.finished_at is not None
    assert request.finished_at >= request.started_at >= request.created_at


async def test_what_is_rolled_back_was_never_there(database: Database, claims: Claims) -> None:
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(database.begin())
        await submit(connection, [new()])
        await connection.rollback()
    assert await claims.claim(room()) == []
    async with database.begin() as connection:
        await submit(connection, [new()])
        assert await claims.claim(room()) == []
    assert len(await claims.claim(room())) == 1


async def test_only_known_operations_are_claimed(queue: Queue, claims: Claims) -> None:
    await queue.submit(new(operation="of a newer version"))
    assert await claims.claim(room()) == []


async def test_a_worker_that_was_struck_off_changes_nothing(
    database: Database, queue: Queue, claims: Claims
) -> None:
    name = await queue.submit(new())
    async with worker(database, lease=0.01) as dead:
        [lost] = await dead.claim(room())
        await asyncio.sleep(0.02)
        assert await dead.sweep() == 1
        assert await dead.beat() is None
        assert await dead.claim(room()) == []
        assert await dead.finish([done(lost, b"late")]) == [False]
        [job] = await claims.claim(room())
        assert (job.id, job.fence, job.attempts) == (name, 2, 2)
        assert await dead.finish([done(lost, b"late")]) == [False]
        assert not await dead.again(lost, 0)
        await dead.leave()
        assert await state(queue, name) is State.RUNNING
        assert await claims.finish([done(job, b"right")]) == [True]
        assert await dead.finish([done(lost, b"late")]) == [False]
    answer = await queue.answer("key_a", name)
    assert answer is not None
    assert answer.body == b"right"


async def test_the_living_keep_their_requests(queue: Queue, claims: Claims) -> None:
    await queue.submit(new())
    [job] = await claims.claim(room())
    assert await claims.sweep() == 0
    held = await claims.beat()
    assert held is not None
    assert held.running == {job.id: job.fence}


async def test_a_request_that_kills_its_workers_fails(database: Database, queue: Queue) -> None:
    name = await queue.submit(new(max_attempts=2))
    for _ in range(2):
        async with worker(database, lease=0.01) as dead:
            assert len(await dead.claim(room())) == 1
            await asyncio.sleep(0.02)
            assert await dead.sweep() == 1
    request = await queue.get("key_a", name)
    assert (request.state, request.status, request.attempts) == (State.FAILED, 500, 2)
    answer = await queue.answer("key_a", name)
    assert answer is not None
    assert b"worker_lost" in answer.body


async def test_what_is_put_off_waits_and_counts_as_told(queue: Queue, claims: Claims) -> None:
    name = await queue.submit(new())
    [job] = await claims.claim(room())
    assert await claims.again(job, 3600)
    await claims.sweep()
    assert await claims.claim(room()) == []
    request = await queue.get("key_a", name)
    assert (request.state, request.attempts) == (State.DEFERRED, 1)
    other = await queue.submit(new())
    [job] = await claims.claim(room())
    assert await claims.again(job, 0, counts=False)
    await claims.sweep()
    [job] = await claims.claim(room())
    assert (job.id, job.fence, job.attempts) == (other, 2, 1)


async def test_a_stop_hands_back(queue: Queue, claims: Claims) -> None:
    kept, cancelled = await queue.submit(new()), await queue.submit(new())
    jobs = await claims.claim(room(2))
    await queue.cancel("key_a", cancelled)
    await claims.leave()
    request = await queue.get("key_a", kept)
    assert (request.state, request.attempts) == (State.QUEUED, 0)
    assert await state(queue, cancelled) is State.CANCELLED
    assert await claims.finish([done(job) for job in jobs]) == [False, False]


async def test_cancel_in_every_state(queue: Queue, claims: Claims) -> None:
    waiting = await queue.submit(new())
    assert (await queue.cancel("key_a", waiting)).state is State.CANCELLED
    assert await claims.claim(room()) == []

    put_off = await queue.submit(new())
    [job] = await claims.claim(room())
    await claims.again(job, 3600)
    assert (await queue.cancel("key_a", put_off)).state is State.CANCELLED

    running = await queue.submit(new())
    [job] = await claims.claim(room())
    assert (await queue.cancel("key_a", running)).state is State.CANCELLING
    assert (await queue.cancel("key_a", running)).state is State.CANCELLING
    held = await claims.beat()
    assert held is not None
    assert held.cancelling == {running}
    assert await claims.again(job, 0)
    assert await state(queue, running) is State.CANCELLED

    answered = await queue.submit(new())
    [job] = await claims.claim(room())
    await queue.cancel("key_a", answered)
    assert await claims.finish([done(job)]) == [True]
    assert (await queue.cancel("key_a", answered)).state is State.COMPLETED
    with pytest.raises(UnknownRequestError):
        await queue.cancel("key_a", "req_none")


async def test_a_cancelled_request_of_a_dead_worker_ends(database: Database, queue: Queue) -> None:
    name = await queue.submit(new())
    async with worker(database, lease=0.01) as dead:
        await dead.claim(room())
        await queue.cancel("key_a", name)
        await asyncio.sleep(0.02)
        await dead.sweep()
    assert await state(queue, name) is State.CANCELLED
    answer = await queue.answer("key_a", name)
    assert answer is not None
    assert b"request_cancelled" in answer.body


async def test_what_runs_is_not_deleted(queue: Queue, claims: Claims) -> None:
    name = await queue.submit(new())
    [job] = await claims.claim(room())
    with pytest.raises(RequestLiveError):
        await queue.delete("key_a", name)
    await claims.finish([done(job)])
    with pytest.raises(UnknownRequestError):
        await queue.delete("key_b", name)
    await queue.delete("key_a", name)
    with pytest.raises(UnknownRequestError):
        await queue.answer("key_a", name)


async def test_what_is_expired_goes(database: Database, queue: Queue, claims: Claims) -> None:
    short, long = await queue.submit(new(retention=5)), await queue.submit(new())
    await claims.finish([done(job) for job in await claims.claim(room(2))])
    async with database.connect() as connection:
        sooner = "update requests set purge_at = purge_at - interval '10 seconds'"
        await connection.exec_driver_sql(sooner)
    await claims.sweep()
    assert [request.id for request in await queue.page("key_a")] == [long]
    assert set(await queue.ended([short, long])) == {short, long}


async def test_models_run_as_many_at_once_as_they_may(
    database: Database, queue: Queue, claims: Claims
) -> None:
    for model in "aaaabbbb":
        await queue.submit(new(model=model))
    async with worker(database) as other:
        first = await claims.claim(room(3, each=2, models={"b": 1}))
        assert [job.model for job in first] == ["a", "a", "b"]
        assert await other.claim(room(8, each=2, models={"b": 1})) == []
        assert [job.model for job in await other.claim(room(8, each=2))] == ["b"]
        await claims.finish([done(first[0])])
        assert [job.model for job in await other.claim(room(8, each=2))] == ["a"]
    assert await claims.claim(room(8, each=8, models={"a": 0, "b": 0})) == []


async def test_many_at_once_claim_each_request_once(database: Database, queue: Queue) -> None:
    names = await asyncio.gather(*(queue.submit(new()) for _ in range(300)))

    async def work() -> list[str]:
        mine: list[str] = []
        async with worker(database) as claims:
            while jobs := await claims.claim(room(7)):
                mine += [job.id for job in jobs]
                assert all(await claims.finish([done(job) for job in jobs]))
        return mine

    done_by = await asyncio.gather(*(work() for _ in range(4)))
    assert sorted(name for mine in done_by for name in mine) == sorted(names)
