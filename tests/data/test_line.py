import asyncio
from contextlib import suppress

import asyncpg
import pytest

from stellwerk.data.database import Database
from stellwerk.data.errors import DatabaseUnavailableError
from stellwerk.data.line import Line

BACKEND = "select pg_backend_pid() as pid"


async def test_it_is_one_connection_with_its_settings(database: Database) -> None:
    async with Line(database, {"work_mem": "5MB"}) as line:
        rows = await asyncio.gather(*(line.fetch(BACKEND) for _ in range(3)))
        assert len({row[0]["pid"] for row in rows}) == 1
        assert (await line.fetch("show work_mem"))[0][0] == "5MB"


async def test_it_comes_back_after_its_end(database: Database) -> None:
    async with Line(database, {"work_mem": "5MB"}) as line:
        [row] = await line.fetch(BACKEND)
        async with database.connect() as connection:
            await connection.exec_driver_sql("select pg_terminate_backend($1)", (row["pid"],))

        after = row["pid"]
        while after == row["pid"]:
            # The end is noticed by the call that it befalls, or between two calls.
            with suppress(DatabaseUnavailableError):
                [[after]] = await line.fetch(BACKEND)
        assert (await line.fetch("show work_mem"))[0][0] == "5MB"


async def test_a_wrong_statement_is_an_error_and_the_line_lives(database: Database) -> None:
    async with Line(database) as line:
        [row] = await line.fetch(BACKEND)
        with pytest.raises(asyncpg.UndefinedTableError):
            await line.fetch("select * from nowhere")
        assert (await line.fetch(BACKEND))[0]["pid"] == row["pid"]


async def test_who_gives_up_leaves_nothing_to_the_next(database: Database) -> None:
    async with Line(database) as line:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(line.fetch("select pg_sleep(60)"), 0.1)
        assert (await line.fetch("select 1 as one"))[0]["one"] == 1


async def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    async with Line(database) as line:

        async def fail() -> None:
            async with line.transaction() as connection:
                await connection.execute("create table never (id int)")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        assert await line.fetch("select 1 from pg_class where relname = 'never'") == []
