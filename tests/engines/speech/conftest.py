"""An engine child as its parent starts it, and a client that may talk to it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from stellwerk.wire.form import Part, write_parts

FORM = "multipart/form-data; boundary=b"
SECRET = "only-for-this-test"
LIMIT = 250
LONGEST = 700
FILES = ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt")


@dataclass
class Engine:
    process: "subprocess.Popen[bytes]"
    socket: Path


@pytest.fixture(scope="module")
def engine(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    socket = tmp_path_factory.mktemp("speech") / "e.sock"
    process = subprocess.Popen(
        [sys.executable, "-m", "stellwerk.engines.speech"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    orders = {
        "model": "whisper-base",
        "socket": str(socket),
        "secret": SECRET,
        "threads": 2,
        "files": [str(weights / f"whisper-base.{name}") for name in FILES],
        "options": {"longest": LONGEST},
    }
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(orders).encode() + b"\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline()) == {"ready": True}
    yield Engine(process, socket)
    process.stdin.close()
    process.wait(60)
    process.stdout.close()


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
async def opened(engine: Engine, limit: float = LIMIT) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(
        "http://engine",
        connector=aiohttp.UnixConnector(str(engine.socket)),
        headers={"Authorization": f"Bearer {SECRET}"},
        timeout=aiohttp.ClientTimeout(total=limit),
    ) as session:
        yield Client(session)


@pytest_asyncio.fixture
async def client(engine: Engine) -> AsyncIterator[Client]:
    async with asyncio.timeout(LIMIT), opened(engine) as made:
        yield made
