"""Both major versions, for what depends on PostgreSQL itself."""

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text

from stellwerk.data.database import Database
from stellwerk.supervisor.postgres import EmbeddedPostgres
from stellwerk.supervisor.postgres_socket import socket_directory

numbers = count(1)


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=[16, 18])
async def each_version(
    session_dir: Path, request: pytest.FixtureRequest
) -> AsyncIterator[EmbeddedPostgres]:
    place = session_dir / str(request.param)
    async with EmbeddedPostgres(
        directory=place / "postgres", run_dir=socket_directory(place), version=request.param
    ) as postgres:
        yield postgres


@pytest_asyncio.fixture
async def empty_dsn(each_version: EmbeddedPostgres) -> AsyncIterator[str]:
    """An empty database, on 16 and on 18."""
    name = f"empty_{next(numbers)}"
    async with Database(each_version.dsn, pool_size=1) as server, server.connect() as connection:
        await connection.execute(text(f"create database {name}"))
        yield each_version.dsn.replace("/postgres?", f"/{name}?")
        await connection.execute(text(f"drop database {name} with (force)"))
