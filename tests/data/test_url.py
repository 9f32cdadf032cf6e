"""A PostgreSQL of someone else's, over TCP and with a password."""

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy import text

from stellwerk.data.database import Database
from stellwerk.data.errors import DatabaseUnavailableError, UnsuitableDatabaseError
from stellwerk.migrations import upgrade
from stellwerk.supervisor.postgres import EmbeddedPostgres
from stellwerk.supervisor.postgres_account import choose_account
from stellwerk.supervisor.postgres_programs import installed, reachable

Make = Callable[..., EmbeddedPostgres]


@pytest.fixture
async def port(embedded: Make) -> AsyncIterator[int]:
    """A server on 127.0.0.1 whose role `hub` has the password `a@b/c` and a database `hub`."""
    async with (
        embedded() as postgres,
        Database(postgres.dsn) as database,
        database.connect() as connection,
    ):
        await connection.execute(text("create role hub login password 'a@b/c'"))
        await connection.execute(text("create database hub owner hub"))
    directory = postgres.directory
    with (directory / "pg_hba.conf").open("w") as rules:
        rules.write("host all hub 127.0.0.1/32 scram-sha-256\n")
        rules.write("host all stellwerk 127.0.0.1/32 trust\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    account = choose_account(None, directory)
    tree = reachable(installed()[18], directory.with_name("programs"), account)
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(number),
        "unix_socket_directories": "",
    }
    command = [str(tree / "bin" / "postgres"), "-D", str(directory)]
    command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    credentials = account.credentials() if account else {}
    with subprocess.Popen(command, cwd="/", stderr=subprocess.DEVNULL, **credentials) as server:
        yield number
        server.terminate()


async def test_a_url_with_a_password(port: int) -> None:
    address = f"127.0.0.1:{port}/hub?sslmode=disable"
    async with Database(f"postgresql://hub:a%40b%2Fc@{address}", pool_size=1) as database:
        await until_up(database)
        with pytest.raises(UnsuitableDatabaseError, match="`create extension vector`"):
            await upgrade(database)
        async with (
            Database(f"postgresql://stellwerk@{address}") as root,
            root.begin() as connection,
        ):
            await connection.execute(text("create extension vector"))
        await upgrade(database)
        async with database.connect() as connection:
            assert await connection.scalar(text("select current_user")) == "hub"
    async with Database(f"postgresql://hub:wrong@{address}", pool_size=1) as database:
        with pytest.raises(UnsuitableDatabaseError, match=r"database\.url.*password") as caught:
            await database.check()
        assert "wrong" not in caught.value.message


async def until_up(database: Database) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                return await database.check()
            except DatabaseUnavailableError:
                await asyncio.sleep(0.05)
