"""Notifications arrive; those that are lost are made good by polling."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from stellwerk.data.database import Database
from stellwerk.data.errors import DatabaseUnavailableError
from stellwerk.data.notify import Listener, notify
from stellwerk.supervisor.postgres import EmbeddedPostgres

Make = Callable[..., EmbeddedPostgres]

SELDOM = 1000.0


class Ear:
    """Remembers what it hears, and lets a test wait for it."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.polls = 0
        self._news = asyncio.Condition()

    async def hear(self, payload: str) -> None:
        self.heard.append(payload)
        async with self._news:
            self._news.notify_all()

    async def poll(self) -> None:
        self.polls += 1
        async with self._news:
            self._news.notify_all()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(60), self._news:
            await self._news.wait_for(true)

    @asynccontextmanager
    async def at(self, database: Database, interval: float = SELDOM) -> AsyncIterator[None]:
        listener = Listener(database, {"bell": self.hear}, poll=self.poll, interval=interval)
        task = asyncio.create_task(listener.run())
        try:
            await self.until(lambda: self.polls > 0)
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def ring(database: Database, payload: str, channel: str = "bell") -> None:
    async with database.begin() as connection:
        await notify(connection, channel, payload)


async def test_notifications_arrive_in_order(empty_dsn: str) -> None:
    ear = Ear()
    async with Database(empty_dsn) as database, ear.at(database):
        sent = [f"{number} ä" for number in range(100)]
        for payload in sent:
            await ring(database, payload)
        await ear.until(lambda: len(ear.heard) == 100)
        assert ear.heard == sent
        assert ear.polls == 1


async def test_only_of_what_was_committed_and_of_its_channel(database: Database) -> None:
    async def take_back() -> None:
        async with database.begin() as connection:
            await notify(connection, "bell", "taken back")
            raise ZeroDivisionError

    ear = Ear()
    async with ear.at(database):
        with pytest.raises(ZeroDivisionError):
            await take_back()
        await ring(database, "for others", channel="horn")
        await ring(database, "heard")
        await ear.until(lambda: bool(ear.heard))
    assert ear.heard == ["heard"]


async def test_it_polls_again_and_again(database: Database) -> None:
    ear = Ear()
    async with ear.at(database, interval=0.01):
        await ear.until(lambda: ear.polls >= 5)
        await ring(database, "heard")
        await ear.until(lambda: ear.heard == ["heard"])


async def test_it_comes_back_with_the_server_and_polls(embedded: Make) -> None:
    ear = Ear()
    postgres = embedded()
    await postgres.start()
    async with Database(postgres.dsn) as database, ear.at(database):
        await postgres.stop()
        assert ear.polls == 1
        await asyncio.sleep(0.3)
        await postgres.start()
        await ear.until(lambda: ear.polls == 2)
        await ring(database, "heard")
        await ear.until(lambda: ear.heard == ["heard"])
    await postgres.stop()


async def test_it_outlives_the_loss_of_its_own_connection(database: Database) -> None:
    ear = Ear()
    kill = text(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where pid <> pg_backend_pid() and datname = current_database()"
    )
    async with ear.at(database):
        async with Database(database.dsn) as other, other.connect() as connection:
            await connection.execute(kill)
        await ear.until(lambda: ear.polls == 2)
        await ring(database, "heard")
        await ear.until(lambda: ear.heard == ["heard"])


async def test_a_poll_that_finds_no_database_is_tried_again(database: Database) -> None:
    ear = Ear()
    failures = 3

    async def poll() -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise DatabaseUnavailableError("gone")
        await ear.poll()

    task = asyncio.create_task(Listener(database, {}, poll=poll, interval=SELDOM).run())
    await ear.until(lambda: ear.polls == 1)
    task.cancel()


async def test_a_fault_of_a_callback_is_not_hidden(database: Database) -> None:
    async def poll() -> None:
        raise ZeroDivisionError

    async with asyncio.timeout(60):
        with pytest.raises(ZeroDivisionError):
            await Listener(database, {}, poll=poll).run()


async def test_a_new_listener_starts_before_the_server(embedded: Make) -> None:
    ear = Ear()
    postgres = embedded()
    async with Database(postgres.dsn) as database:
        task = asyncio.create_task(Listener(database, {"bell": ear.hear}, poll=ear.poll).run())
        await asyncio.sleep(0.2)
        assert not task.done()
        await postgres.start()
        await ear.until(lambda: ear.polls > 0)
        task.cancel()
    await postgres.stop()
