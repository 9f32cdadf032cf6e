"""An engine child as its parent starts it, and a client that may talk to it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

SECRET = "only-for-this-test"
LIMIT = 120
LONGEST = 3000


@pytest.fixture(scope="module")
def engine(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    socket = tmp_path_factory.mktemp("voice") / "e.sock"
    process = subprocess.Popen(
        [sys.executable, "-m", "stellwerk.engines.voice"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    orders = {
        "model": "piper-joe",
        "socket": str(socket),
        "secret": SECRET,
        "threads": 2,
        "files": [str(weights / f"en_US-joe-medium.onnx{end}") for end in ("", ".json")],
        "options": {"longest": LONGEST},
    }
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(orders).encode() + b"\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline()) == {"ready": True}
    yield socket
    process.stdin.close()
    process.wait(60)
    process.stdout.close()


@pytest_asyncio.fixture
async def client(engine: Path) -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        asyncio.timeout(LIMIT),
        aiohttp.ClientSession(
            "http://engine",
            connector=aiohttp.UnixConnector(str(engine)),
            headers={"Authorization": f"Bearer {SECRET}"},
            timeout=aiohttp.ClientTimeout(total=LIMIT),
        ) as session,
    ):
        yield session
