"""Engine children as their parent starts them, with real weights, and a client for them."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.engines.child import LIMIT, connect, running

TINY = "SmolLM2-135M-Instruct.Q4_1.gguf"
CODER = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"


@pytest.fixture(scope="session")
def tiny_socket(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Iterator[Path]:
    with running("llama", tmp_path_factory.mktemp("t"), weights / TINY, context=2048) as child:
        yield child.socket


@pytest.fixture(scope="session")
def coder_socket(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Iterator[Path]:
    with running("llama", tmp_path_factory.mktemp("q"), weights / CODER) as child:
        yield child.socket


@dataclass
class Stream:
    """The events of a stream, without the last, and whether that was `[DONE]`."""

    events: list[dict[str, Any]]
    done: bool

    @property
    def choices(self) -> list[dict[str, Any]]:
        return [choice for event in self.events for choice in event["choices"]]

    def text(self, index: int = 0) -> str:
        pieces = [choice for choice in self.choices if choice["index"] == index]
        return "".join(
            piece["text"] if "text" in piece else piece["delta"].get("content") or ""
            for piece in pieces
        )


class Client:
    """Talks to one engine."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def send(self, path: str, body: Any) -> tuple[int, bytes]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.session.post(path, data=data) as answer:
            return answer.status, await answer.read()

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        """The answer to a request that succeeds."""
        status, read = await self.send(path, {"model": "named", **body})
        assert status == 200, read
        answer: dict[str, Any] = json.loads(read)
        return answer

    async def chat(self, *messages: dict[str, Any], **body: Any) -> dict[str, Any]:
        return await self.post("/v1/chat/completions", messages=messages, **body)

    async def complete(self, prompt: Any, **body: Any) -> dict[str, Any]:
        return await self.post("/v1/completions", prompt=prompt, **body)

    async def stream(self, path: str, **body: Any) -> Stream:
        status, read = await self.send(path, {"model": "named", "stream": True, **body})
        assert status == 200, read
        events = [event.removeprefix("data: ") for event in read.decode().split("\n\n") if event]
        done = events[-1] == "[DONE]"
        return Stream([json.loads(event) for event in events[: len(events) - done]], done)

    async def refusal(self, path: str, **body: Any) -> dict[str, Any]:
        """The error of a request that is refused as malformed."""
        status, read = await self.send(path, {"model": "named", **body})
        assert status == 400, read
        answer = json.loads(read)
        assert answer["detail"] == answer["error"]["message"]
        assert answer["error"]["type"] == "invalid_request_error"
        return dict(answer["error"])


@pytest_asyncio.fixture
async def tiny(tiny_socket: Path) -> AsyncIterator[Client]:
    """SmolLM2: quick and not clever."""
    async with asyncio.timeout(LIMIT), connect(tiny_socket) as session:
        yield Client(session)


@pytest_asyncio.fixture
async def coder(coder_socket: Path) -> AsyncIterator[Client]:
    """Qwen2.5-Coder 0.5B: the starter model for chat and tools."""
    async with asyncio.timeout(LIMIT), connect(coder_socket) as session:
        yield Client(session)


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}
