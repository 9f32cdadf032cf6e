"""An engine child, and a client that may talk to it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from stellwerk.wire.form import Part, write_parts
from tests.engines.child import Child, connect, running

FORM = "multipart/form-data; boundary=b"
LIMIT = 250
LONGEST = 700
FILES = tuple(
    f"whisper-base.{name}"
    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt")
)


@pytest.fixture(scope="module")
def engine(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    files = [weights / name for name in FILES]
    with running("speech", tmp_path_factory.mktemp("speech"), *files, longest=LONGEST) as child:
        yield child


class Client:
    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def post(
        self, file: bytes | None, path: str = "transcriptions", **fields: str
    ) -> tuple[int, Any]:
        """Status, and the JSON, text or events of the answer."""
        texts = {"model": "whisper-1", **fields}.items()
        parts = [Part(name.replace("__", "[]"), value.encode()) for name, value in texts]
        if file is not None:
            parts.append(Part("file", file, "recording", "audio/x"))
        async with self.session.post(
            f"/v1/audio/{path}",
            data=BytesIO(write_parts(parts, FORM)),
            headers={"Content-Type": FORM},
        ) as answer:
            if answer.content_type == "application/json":
                return answer.status, await answer.json()
            text = await answer.text()
            if answer.content_type == "text/event-stream":
                return answer.status, [json.loads(line[6:]) for line in text.split("\n\n") if line]
            return answer.status, text

    async def heard(self, file: bytes, path: str = "transcriptions", **fields: str) -> Any:
        status, answer = await self.post(file, path, **fields)
        assert status == 200, answer
        return answer


@asynccontextmanager
async def opened(engine: Child, limit: float = LIMIT) -> AsyncIterator[Client]:
    async with connect(engine.socket, limit=limit) as session:
        yield Client(session)


@pytest_asyncio.fixture
async def client(engine: Child) -> AsyncIterator[Client]:
    async with asyncio.timeout(LIMIT), opened(engine) as made:
        yield made
