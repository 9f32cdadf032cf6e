"""An engine child as its parent starts it, and a client that may talk to it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

SECRET = "only-for-this-test"
LIMIT = 120


def start(directory: Path, **orders: Any) -> "subprocess.Popen[bytes]":
    """Start an engine; the next line on its standard output says whether it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "stellwerk.engines.e5"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    line = {"model": "e5", "socket": str(directory / "e5.sock"), "secret": SECRET, "threads": 1}
    assert process.stdin is not None
    process.stdin.write(json.dumps(line | orders).encode() + b"\n")
    process.stdin.flush()
    return process


def first_word(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    assert process.stdout is not None
    word: dict[str, Any] = json.loads(process.stdout.readline())
    return word


def end(process: "subprocess.Popen[bytes]") -> int:
    """Let go of the engine's life-line and give its exit status."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    status = process.wait(LIMIT)
    process.stdout.close()
    return status


@dataclass
class Engine:
    process: "subprocess.Popen[bytes]"
    directory: Path


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    directory = tmp_path_factory.mktemp("e5")
    process = start(directory)
    assert first_word(process) == {"ready": True}
    yield Engine(process, directory)
    end(process)


class Client:
    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def post(self, **body: Any) -> dict[str, Any]:
        """The answer of a request that succeeds."""
        async with self.session.post("/v1/embeddings", json={"model": "e5", **body}) as answer:
            read: dict[str, Any] = await answer.json()
            assert answer.status == 200, read
            return read

    async def refusal(self, **body: Any) -> tuple[int, dict[str, Any]]:
        """Status and error object of a request that is refused."""
        async with self.session.post("/v1/embeddings", json={"model": "e5", **body}) as answer:
            return answer.status, (await answer.json())["error"]


def connect(directory: Path, secret: str = SECRET) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        "http://engine",
        connector=aiohttp.UnixConnector(str(directory / "e5.sock")),
        headers={"Authorization": f"Bearer {secret}"},
    )


@pytest_asyncio.fixture
async def client(engine: Engine) -> AsyncIterator[Client]:
    async with asyncio.timeout(LIMIT), connect(engine.directory) as session:
        yield Client(session)
