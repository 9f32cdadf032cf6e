"""What clients get when llama.cpp breaks off. A scripted server on a real socket stands for it."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from stellwerk.engines.host import Orders, application
from stellwerk.engines.llama.chat import chat
from stellwerk.engines.llama.completions import completions
from stellwerk.engines.llama.model import Model
from stellwerk.engines.llama.native import Native
from stellwerk.engines.llama.options import Options
from tests.engines.child import SECRET, connect
from tests.engines.llama.conftest import Client, user

PIECE = {"choices": [{"index": 0, "delta": {"content": "Well"}, "finish_reason": None}]}
TROUBLE = {"error": {"code": 500, "message": "Out of breath.", "type": "server_error"}}


class Script:
    """What the next answer is: events, and whether it then ends properly or is cut."""

    def __init__(self) -> None:
        self.status = 200
        self.events: list[Any] = []
        self.body: dict[str, Any] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        if self.status != 200:
            return web.json_response(self.body, status=self.status)
        response = web.StreamResponse()
        await response.prepare(request)
        for event in self.events:
            await response.write(f"data: {json.dumps(event)}\n\n".encode())
        # The client gets what was written before the line is cut.
        await asyncio.sleep(0.05)
        assert request.transport is not None
        request.transport.abort()
        return response


@pytest_asyncio.fixture
async def script(tmp_path: Path) -> AsyncIterator[Script]:
    script = Script()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", script.answer)
    app.router.add_post("/completion", script.answer)
    async for _ in serving(app, tmp_path / "llama.sock"):
        yield script


async def serving(app: web.Application, socket: Path) -> AsyncIterator[None]:
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(socket)).start()
    yield
    await runner.cleanup()


@pytest_asyncio.fixture
async def client(tmp_path: Path, script: Script) -> AsyncIterator[Client]:
    """A client of the engine's own side before the scripted one."""
    native = Native(tmp_path / "llama.sock", "inner")
    model = Model(
        native, Options(), context=2048, vocabulary=100, guided=True, thinks=False, examples=""
    )

    async def answer_chat(request: web.Request) -> web.StreamResponse:
        return await chat(model, request)

    async def answer_text(request: web.Request) -> web.StreamResponse:
        return await completions(model, request)

    app = application(Orders("m", str(tmp_path / "e.sock"), SECRET, 1))
    app.router.add_post("/v1/chat/completions", answer_chat)
    app.router.add_post("/v1/completions", answer_text)
    async for _ in serving(app, tmp_path / "e.sock"):
        async with connect(tmp_path / "e.sock") as session:
            yield Client(session)
    await native.close()


HI = {"messages": [user("hi")]}
ONCE = {"prompt": "Once"}
BOTH = [("/v1/chat/completions", HI, PIECE), ("/v1/completions", ONCE, {"content": "Well"})]


@pytest.mark.parametrize(("path", "fields", "piece"), BOTH)
@pytest.mark.parametrize("n", [1, 3])
async def test_a_stream_that_breaks_off_ends_with_an_error(
    client: Client, script: Script, path: str, fields: dict[str, Any], piece: Any, n: int
) -> None:
    script.events = [piece]
    stream = await client.stream(path, **fields, n=n)
    assert not stream.done
    assert "Well" in json.dumps(stream.events[0])
    assert "error" in stream.events[-1]
    assert "broke off" in stream.events[-1]["error"]["message"]
    assert sum("error" in event for event in stream.events) == 1


@pytest.mark.parametrize(("path", "fields", "piece"), BOTH)
async def test_trouble_in_mid_stream_is_told(
    client: Client, script: Script, path: str, fields: dict[str, Any], piece: Any
) -> None:
    script.events = [piece, TROUBLE]
    stream = await client.stream(path, **fields)
    assert not stream.done
    assert "Out of breath" in stream.events[-1]["error"]["message"]


@pytest.mark.parametrize(("path", "fields", "piece"), BOTH)
async def test_a_whole_answer_that_breaks_off_is_an_error(
    client: Client, script: Script, path: str, fields: dict[str, Any], piece: Any
) -> None:
    script.events = [piece]
    status, body = await client.send(path, {"model": "m", **fields})
    assert status == 503
    assert json.loads(body)["error"]["code"] == "engine_gone"


async def test_a_stream_that_never_began_has_a_status(client: Client, script: Script) -> None:
    script.status, script.body = 500, TROUBLE
    status, body = await client.send("/v1/completions", {"model": "m", "stream": True, **ONCE})
    assert status == 500
    assert json.loads(body)["error"]["code"] == "engine_failed"


async def test_a_template_that_refuses_is_the_callers_affair(
    client: Client, script: Script
) -> None:
    trouble = {"code": 500, "message": "Jinja Exception: roles must alternate", "type": "x"}
    script.status, script.body = 500, {"error": trouble}
    error = await client.refusal("/v1/chat/completions", **HI)
    assert error["param"] == "messages"
    assert "roles must alternate" in error["message"]


async def test_an_engine_that_is_gone_is_unavailable(client: Client, tmp_path: Path) -> None:
    (tmp_path / "llama.sock").unlink()
    status, body = await client.send("/v1/completions", {"model": "m", **ONCE})
    assert status == 503
    assert json.loads(body)["error"]["code"] == "engine_gone"
    assert str(tmp_path) not in body.decode()
