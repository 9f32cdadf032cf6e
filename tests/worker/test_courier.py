"""Webhooks on their way to a server of the test's."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from openai import OpenAI
from sqlalchemy import text

from stellwerk.base.settings import FetchSettings
from stellwerk.data.database import Database
from stellwerk.features.keys.service import Keys
from stellwerk.features.keys.types import NewKey
from stellwerk.features.queue.claims import Claims
from stellwerk.features.queue.service import Queue
from stellwerk.features.queue.types import NewRequest
from stellwerk.features.webhooks.deliveries import Deliveries
from stellwerk.features.webhooks.service import Webhooks
from stellwerk.features.webhooks.types import Delivery
from stellwerk.fetch.fetcher import Fetcher
from stellwerk.worker.courier import Courier, event
from tests.features.queue.conftest import done, room

LIMIT = 60
KEPT = timedelta(days=1)


class Receiver:
    """A client's server: says one status after the other, the last one again and again."""

    def __init__(self) -> None:
        self.statuses = [200]
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.news = asyncio.Event()
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        self.news.set()
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.Response(status=status)

    async def number(self, count: int) -> None:
        async with asyncio.timeout(LIMIT):
            while len(self.got) < count:
                self.news.clear()
                await self.news.wait()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_post("/hook", made.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


class House:
    """A queue, a project with a secret, and what ends its requests."""

    def __init__(self, database: Database, queue: Queue, project_id: str, secret: str) -> None:
        self.database = database
        self.queue = queue
        self.project_id = project_id
        self.secret = secret
        self.webhooks = Webhooks(database)

    async def end(self, url: str | None) -> str:
        """A request that names `url` is put in, and ends."""
        new = NewRequest(
            key_id="key",
            project_id=self.project_id,
            operation="embeddings",
            model="m",
            body=b"{}",
            webhook=url,
        )
        await self.queue.submit(new)
        async with Claims(self.database, "test") as claims:
            await claims.enter()
            jobs = await claims.claim(room(10))
            assert await claims.finish([done(job) for job in jobs]) == [True]
        return new.id

    async def sql(self, statement: str) -> None:
        async with self.database.connect() as connection:
            await connection.execute(text(statement))

    async def delivery(self, subject: str) -> Delivery:
        found = await self.webhooks.of(subject)
        assert found is not None
        return found

    async def ended(self, subject: str) -> Delivery:
        async with asyncio.timeout(LIMIT):
            while (found := await self.delivery(subject)).ended_at is None:
                await asyncio.sleep(0.01)
        return found

    @asynccontextmanager
    async def delivering(
        self, pauses: Sequence[float] = (0.01, 0.01), **settings: Any
    ) -> AsyncIterator[Courier]:
        values = {"allow": ["127.0.0.1/32"], **settings}
        deliveries = Deliveries.of(self.database, KEPT)
        async with Fetcher(FetchSettings(**values)) as fetcher:
            courier = Courier(deliveries, fetcher, pauses)
            task = asyncio.create_task(courier.run())
            try:
                yield courier
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await deliveries.close()


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    await Keys(database).create(NewKey(name="app"))
    secret = (await Webhooks(database).renew("default")).secret
    async with database.connect() as connection:
        project_id = await connection.scalar(text("select id from projects"))
    async with Queue(database) as queue:
        yield House(database, queue, str(project_id), secret)


async def test_an_end_is_told_and_signed(house: House, receiver: Receiver) -> None:
    name = await house.end(receiver.url)
    async with house.delivering():
        delivery = await house.ended(name)
    assert delivery.delivered
    [(headers, body)] = receiver.got
    with OpenAI(api_key="unused") as client:
        client.webhooks.verify_signature(body, headers, secret=house.secret)
    told = json.loads(body)
    assert (told["object"], told["type"]) == ("event", "queue.request.completed")
    assert told["data"]["id"] == name
    assert (told["data"]["status"], told["data"]["http_status"]) == ("completed", 200)
    assert told["data"]["finished_at"] >= told["data"]["started_at"] >= told["data"]["created_at"]
    assert headers["webhook-id"] == told["id"].replace("evt_", "msg_")


async def test_a_cancelled_request_is_told_too(house: House, receiver: Receiver) -> None:
    new = NewRequest("key", house.project_id, "embeddings", "m", b"{}", webhook=receiver.url)
    await house.queue.submit(new)
    await house.queue.cancel("key", new.id)
    async with house.delivering():
        await house.ended(new.id)
    assert json.loads(receiver.got[0][1])["type"] == "queue.request.cancelled"


async def test_who_named_no_url_is_not_told(house: House) -> None:
    name = await house.end(None)
    assert await house.webhooks.of(name) is None


async def test_a_deleted_request_is_not_told_of(house: House, receiver: Receiver) -> None:
    name = await house.end(receiver.url)
    await house.queue.delete("key", name)
    assert await house.webhooks.of(name) is None


async def test_what_failed_is_tried_again_with_the_same_id_and_body(
    house: House, receiver: Receiver
) -> None:
    receiver.statuses = [500, 302, 204]
    name = await house.end(receiver.url)
    async with house.delivering():
        delivery = await house.ended(name)
    assert (delivery.attempts, delivery.status) == (3, 204)
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert len({body for _, body in receiver.got}) == 1


async def test_it_is_given_up_after_the_last_pause(house: House, receiver: Receiver) -> None:
    receiver.statuses = [500]
    name = await house.end(receiver.url)
    async with house.delivering():
        delivery = await house.ended(name)
    assert not delivery.delivered
    assert (delivery.attempts, delivery.status) == (3, 500)


async def test_who_is_gone_is_left_alone(house: House, receiver: Receiver) -> None:
    receiver.statuses = [410]
    name = await house.end(receiver.url)
    async with house.delivering():
        delivery = await house.ended(name)
    assert (delivery.delivered, delivery.attempts, len(receiver.got)) == (False, 1, 1)


async def test_a_private_address_is_not_gone_to(house: House, receiver: Receiver) -> None:
    name = await house.end(receiver.url)
    async with house.delivering(allow=()):
        delivery = await house.ended(name)
    assert receiver.got == []
    assert delivery.error is not None
    assert "does not go to" in delivery.error


async def test_the_next_attempt_can_be_seen(house: House, receiver: Receiver) -> None:
    receiver.statuses = [503]
    name = await house.end(receiver.url)
    async with house.delivering(pauses=(3600,)):
        await receiver.number(1)
        async with asyncio.timeout(LIMIT):
            while (delivery := await house.delivery(name)).status is None:
                await asyncio.sleep(0.01)
    assert (delivery.attempts, delivery.status, delivery.ended_at) == (1, 503, None)
    assert delivery.next_at is not None


async def test_what_a_dead_worker_had_is_due_again(house: House, receiver: Receiver) -> None:
    name = await house.end(receiver.url)
    dead = Deliveries.of(house.database, KEPT)
    [taken] = await dead.take(1)
    assert await dead.take(1) == []
    async with house.database.connect() as connection:
        await connection.execute(text("update webhook_deliveries set next_at = now()"))
    async with house.delivering():
        delivery = await house.ended(name)
    assert delivery.attempts == 2
    # Awake again, it can write nothing of it.
    await dead.end(taken, None, "late")
    assert (await house.delivery(name)).error is None
    await dead.close()


async def test_one_project_s_slow_server_leaves_room_for_others(house: House) -> None:
    for _ in range(10):
        await house.end("http://127.0.0.1/")
    async with Database(house.database.dsn) as database:
        taking = Deliveries.of(database, KEPT)
        assert len(await taking.take(16)) == 4
        assert await taking.take(16, [house.project_id]) == []
        assert len(await taking.take(16, ["another"])) == 4
        await taking.close()


async def test_calls_under_way_are_few_of_each_project(house: House) -> None:
    lines: list[asyncio.StreamWriter] = []
    news = asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(writer)
        news.set()
        await reader.read()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    slow = [await house.end(f"http://127.0.0.1:{port}/") for _ in range(6)]
    async with house.delivering() as courier:
        async with asyncio.timeout(LIMIT):
            while len(lines) < 4:
                news.clear()
                await news.wait()
        # The project's next ones are older, and yet another project's is taken.
        await house.sql("insert into projects (id, name) values ('proj_b', 'b')")
        other = (await house.webhooks.renew("b")).project
        await house.sql(
            f"update webhook_deliveries set project_id = 'proj_b' where subject = '{slow[5]}'"
        )
        await courier.wake()
        async with asyncio.timeout(LIMIT):
            while len(lines) < 5:
                news.clear()
                await news.wait()
        attempts = [(await house.delivery(name)).attempts for name in slow]
        assert (other, attempts) == ("b", [1, 1, 1, 1, 0, 1])
    for line in lines:
        line.close()
    server.close()


async def test_a_delivery_whose_worker_stopped_is_not_lost(house: House) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        begun.set()
        # Until it is hung up on.
        await reader.read()
        writer.close()
        ended.set()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    name = await house.end(f"http://127.0.0.1:{port}/")
    async with house.delivering():
        await asyncio.wait_for(begun.wait(), LIMIT)
    await asyncio.wait_for(ended.wait(), LIMIT)
    server.close()
    delivery = await house.delivery(name)
    assert delivery.ended_at is None
    assert delivery.next_at is not None


async def test_what_ended_is_purged(house: House, receiver: Receiver) -> None:
    name = await house.end(receiver.url)
    async with house.delivering():
        await house.ended(name)
    purging = Deliveries.of(house.database, timedelta(0))
    await purging.purge()
    await purging.close()
    assert await house.webhooks.of(name) is None


async def test_the_event_is_the_same_each_time(house: House) -> None:
    await house.end("http://127.0.0.1/")
    taking = Deliveries.of(house.database, KEPT)
    [due] = await taking.take(1)
    assert event(due) == event(due)
    await taking.close()
