"""What callers ask of the queue."""

import asyncio

import pytest

from stellwerk.data.database import Database
from stellwerk.features.queue.claims import Claims
from stellwerk.features.queue.errors import IdempotencyMismatchError, UnknownRequestError
from stellwerk.features.queue.service import Queue
from stellwerk.features.queue.types import State
from tests.features.queue.conftest import done, new, room


async def test_pages(queue: Queue, claims: Claims) -> None:
    names = [await queue.submit(new(model=model)) for model in "abab"]
    await queue.submit(new("key_b"))
    [job] = await claims.claim(room())
    assert sorted(r.id for r in await queue.page("key_a")) == sorted(names)
    page = await queue.page("key_a", limit=3)
    rest = await queue.page("key_a", after=page[-1].id)
    assert [r.id for r in (*page, *rest)] == sorted(names, reverse=True)
    assert {r.id for r in await queue.page("key_a", model="b")} == {names[1], names[3]}
    assert [r.id for r in await queue.page("key_a", states=[State.RUNNING])] == [job.id]
    assert await queue.page("key_a", operation="images") == []


async def test_others_requests_are_unknown(queue: Queue) -> None:
    name = await queue.submit(new())
    for ask in (queue.get, queue.answer, queue.cancel, queue.delete):
        with pytest.raises(UnknownRequestError):
            await ask("key_b", name)
    assert (await queue.get("key_a", name)).state is State.QUEUED


async def test_an_idempotency_key_makes_one_request(queue: Queue) -> None:
    asked = [new(idempotency_key="once", digest=b"1") for _ in range(5)]
    names = await asyncio.gather(*(queue.submit(one) for one in asked))
    assert len(set(names)) == 1
    assert await queue.submit(new(idempotency_key="once", digest=b"1")) == names[0]
    assert await queue.submit(new("key_b", idempotency_key="once", digest=b"1")) != names[0]
    with pytest.raises(IdempotencyMismatchError):
        await queue.submit(new(idempotency_key="once", digest=b"2"))
    assert len(await queue.page("key_a")) == 1


async def test_repetitions_bind_to_what_nobody_has_had(queue: Queue, claims: Claims) -> None:
    first, second = [await queue.submit(new(held=True, digest=b"1")) for _ in range(2)]
    await queue.submit(new(held=True, digest=b"2"))
    await queue.submit(new(digest=b"1"))
    bound = [await queue.again("key_a", "embeddings", b"1") for _ in range(3)]
    assert {bound[0], bound[1]} == {first, second}
    assert bound[2] in bound[:2]
    await claims.finish([done(job) for job in await claims.claim(room(4))])
    await queue.delivered(first, 3600)
    assert await queue.again("key_a", "embeddings", b"1") == second
    await queue.delivered(second, 3600)
    assert await queue.again("key_a", "embeddings", b"1") is None
    assert await queue.again("key_b", "embeddings", b"2") is None


async def test_what_was_delivered_is_kept_for_less_time(queue: Queue, claims: Claims) -> None:
    kept, gone = [await queue.submit(new(held=True, retention=r)) for r in (7200, 0)]
    await claims.finish([done(job) for job in await claims.claim(room(2))])
    before = (await queue.get("key_a", kept)).purge_at
    for name in (kept, gone):
        await queue.delivered(name, 60)
    after = (await queue.get("key_a", kept)).purge_at
    assert before is not None
    assert after is not None
    assert after < before
    with pytest.raises(UnknownRequestError):
        await queue.get("key_a", gone)


async def test_what_is_not_kept_waits_until_it_was_fetched(queue: Queue, claims: Claims) -> None:
    names = [await queue.submit(new(held=held, retention=0)) for held in (True, False)]
    await claims.finish([done(job) for job in await claims.claim(room(2))])
    await claims.sweep()
    for name in names:
        assert await queue.answer("key_a", name) is not None
        await queue.delivered(name, 60)
        with pytest.raises(UnknownRequestError):
            await queue.answer("key_a", name)


async def test_a_known_idempotency_key_is_found_before_anything_is_put_in(queue: Queue) -> None:
    asked = new(idempotency_key="k", digest=b"1")
    assert await queue.known(asked) is None
    assert await queue.known(new(idempotency_key="k")) is None
    name = await queue.submit(asked)
    assert await queue.known(new(idempotency_key="k", digest=b"1")) == name
    assert await queue.known(new("key_b", idempotency_key="k", digest=b"1")) is None
    with pytest.raises(IdempotencyMismatchError):
        await queue.known(new(idempotency_key="k", digest=b"2"))


async def test_a_request_that_goes_back_into_the_line_is_cancelled_too(
    database: Database, queue: Queue, claims: Claims
) -> None:
    name = await queue.submit(new())
    [job] = await claims.claim(room())
    async with database.begin() as connection:
        # Who cancels finds it running, and waits for this transaction, which puts it off.
        statement = f"update requests set state = 'deferred', worker = null where id = '{job.id}'"
        await connection.exec_driver_sql(statement)
        asked = asyncio.create_task(queue.cancel("key_a", name))
        waits = "select count(*) from pg_locks where not granted"
        async with asyncio.timeout(30):
            while not (await connection.exec_driver_sql(waits)).scalar_one():
                await asyncio.sleep(0.01)
    assert (await asked).state is State.CANCELLED


async def test_what_waits_is_counted(queue: Queue, claims: Claims) -> None:
    for size in (3, 5):
        await queue.submit(new(body=b"x" * size))
    await queue.submit(new("key_b"))
    assert await queue.waiting("key_a") == (2, 8)
    await claims.finish([done(job) for job in await claims.claim(room(3))])
    assert await queue.waiting("key_a") == (0, 0)


async def test_a_body_goes_when_its_request_has_ended(
    database: Database, queue: Queue, claims: Claims
) -> None:
    cancelled = await queue.submit(new(body=b"secret"))
    await queue.cancel("key_a", cancelled)
    await queue.submit(new(body=b"secret"))
    await claims.finish([done(job) for job in await claims.claim(room())])
    async with database.connect() as connection:
        rows = await connection.exec_driver_sql("select body from requests")
        assert [row.body for row in rows] == [None, None]
