"""A small model that is made here, and an engine child that paints with it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from stellwerk.wire.form import Part, write_parts
from tests.engines.child import LIMIT, connect, running
from tests.engines.images.tiny import made_model

FORM = "multipart/form-data; boundary=b"
LONGEST = 256


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def engine(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("images")
    with running("images", place, path=str(tiny), steps=3, longest=LONGEST) as child:
        yield child.socket


@dataclass
class Client:
    session: aiohttp.ClientSession

    async def post(self, path: str, **given: Any) -> tuple[int, Any]:
        async with self.session.post(f"/v1/images/{path}", **given) as answer:
            return answer.status, await answer.json()

    async def words(self, prompt: str = "A signal box.", **fields: Any) -> tuple[int, Any]:
        return await self.post("generations", json={"model": "m", "prompt": prompt, **fields})

    async def form(self, path: str, *files: Part, **fields: str) -> tuple[int, Any]:
        return await self.post(path, data=_form(*files, **fields), headers={"Content-Type": FORM})

    async def events(self, path: str, **given: Any) -> list[dict[str, Any]]:
        """The data of a stream's events, whose names must be their types."""
        async with self.session.post(f"/v1/images/{path}", **given) as answer:
            assert answer.content_type == "text/event-stream", await answer.read()
            told = (await answer.read()).decode().strip().split("\n\n")
        pairs = [event.split("\n") for event in told]
        found = [json.loads(data.removeprefix("data: ")) for _, data in pairs]
        assert [name for name, _ in pairs] == [f"event: {one['type']}" for one in found]
        return found

    async def stream(self, prompt: str = "A signal box.", **fields: Any) -> list[dict[str, Any]]:
        body = {"model": "m", "prompt": prompt, "stream": True, **fields}
        return await self.events("generations", json=body)

    async def form_stream(self, path: str, *files: Part, **fields: str) -> list[dict[str, Any]]:
        form = _form(*files, **fields)
        return await self.events(path, data=form, headers={"Content-Type": FORM})


def _form(*files: Part, **fields: str) -> BytesIO:
    texts = [Part(name, value.encode()) for name, value in {"model": "m", **fields}.items()]
    return BytesIO(write_parts([*texts, *files], FORM))


@pytest_asyncio.fixture
async def client(engine: Path) -> AsyncIterator[Client]:
    async with (
        asyncio.timeout(LIMIT),
        connect(engine) as session,
    ):
        yield Client(session)
