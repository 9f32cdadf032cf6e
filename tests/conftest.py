"""Fixtures that every room's tests share."""

import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from stellwerk.data.database import Database
from stellwerk.features.catalog.starter import starter_models
from stellwerk.features.weights.store import Store
from stellwerk.migrations import upgrade
from stellwerk.supervisor.postgres import EmbeddedPostgres
from stellwerk.supervisor.postgres_socket import socket_directory

numbers = count(1)


def pytest_configure() -> None:
    # A shell that starts us in the background has us ignore SIGINT, and our children with us.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--corpus-seed", type=int, default=1, help="what the corpus of tests/corpus.py is made of"
    )


@pytest.fixture(scope="session")
def weights() -> Path:
    """A weights directory that holds the starter models; what is missing is pulled once."""
    place = os.environ.get("STELLWERK_TEST_WEIGHTS") or "~/.cache/stellwerk/weights"
    store = Store(Path(place).expanduser())
    for entry in starter_models():
        store.pull(entry)
    return store.directory


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """An empty directory for a whole server. `tmp_path` is barred to PostgreSQL's account."""
    yield from reachable_directory()


@pytest.fixture
def embedded(data_dir: Path) -> Callable[..., EmbeddedPostgres]:
    """Makes (and does not start) the PostgreSQL of `data_dir`."""

    def make(**options: Any) -> EmbeddedPostgres:
        run_dir = socket_directory(data_dir)
        return EmbeddedPostgres(directory=data_dir / "postgres", run_dir=run_dir, **options)

    return make


@pytest.fixture(scope="session")
def session_dir() -> Iterator[Path]:
    yield from reachable_directory()


def reachable_directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="stellwerk-test-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres_dsn(session_dir: Path) -> AsyncIterator[str]:
    """One PostgreSQL 18 for all tests, with nothing in it."""
    async with EmbeddedPostgres(
        directory=session_dir / "postgres", run_dir=socket_directory(session_dir), version=18
    ) as postgres:
        yield postgres.dsn


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def migrated(postgres_dsn: str) -> str:
    """The name of a migrated database that others are copied from."""
    async with Database(postgres_dsn, pool_size=1) as server, server.connect() as connection:
        await connection.execute(text("create database migrated"))
    await upgrade(postgres_dsn.replace("/postgres?", "/migrated?"))
    return "migrated"


@pytest_asyncio.fixture
async def database(postgres_dsn: str, migrated: str) -> AsyncIterator[Database]:
    """A database of this version's tables for one test; `database.dsn` is for other processes."""
    name = f"test_{next(numbers)}"
    async with Database(postgres_dsn, pool_size=1) as server, server.connect() as connection:
        await connection.execute(text(f"create database {name} template {migrated}"))
        async with Database(postgres_dsn.replace("/postgres?", f"/{name}?")) as opened:
            yield opened
        await connection.execute(text(f"drop database {name} with (force)"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_dsn(postgres_dsn: str, migrated: str) -> str:
    """A database of this version's tables for all tests that leave nothing behind in it."""
    async with Database(postgres_dsn, pool_size=1) as server, server.connect() as connection:
        await connection.execute(text(f"create database shared template {migrated}"))
    return postgres_dsn.replace("/postgres?", "/shared?")
