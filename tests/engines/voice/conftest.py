"""An engine child, and a client that may talk to it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.engines.child import Child, connect, running

LIMIT = 120
LONGEST = 3000


@pytest.fixture(scope="module")
def engine(child: Child) -> Path:
    return child.socket


@pytest.fixture(scope="module")
def child(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    files = [weights / f"en_US-joe-medium.onnx{end}" for end in ("", ".json")]
    with running("voice", tmp_path_factory.mktemp("voice"), *files, longest=LONGEST) as child:
        yield child


@pytest_asyncio.fixture
async def client(engine: Path) -> AsyncIterator[aiohttp.ClientSession]:
    async with asyncio.timeout(LIMIT), connect(engine) as session:
        yield session
