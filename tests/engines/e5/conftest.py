"""An engine child, and a client that may talk to it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.engines.child import Child, connect, running

LIMIT = 120


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    with running("e5", tmp_path_factory.mktemp("e5"), threads=1) as child:
        yield child


class Client:
    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def post(self, **body: Any) -> dict[str, Any]:
        """The answer of a request that succeeds."""
        status, answer = await self.send("/v1/embeddings", **body)
        assert status == 200, answer
        return answer

    async def refusal(self, **body: Any) -> tuple[int, dict[str, Any]]:
        """Status and error object of a request that is refused."""
        status, answer = await self.send("/v1/embeddings", **body)
        return status, answer["error"]

    async def send(self, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
        """Status and answer of a request."""
        async with self.session.post(path, json={"model": "e5", **body}) as answer:
            return answer.status, await answer.json()


@pytest_asyncio.fixture
async def client(engine: Child) -> AsyncIterator[Client]:
    async with asyncio.timeout(LIMIT), connect(engine.socket) as session:
        yield Client(session)
