import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from stellwerk.base.errors import InvalidRequestError, Kind, StellwerkError
from stellwerk.base.model_entry import ModelEntry
from stellwerk.data.database import Database
from stellwerk.features.catalog.errors import UnknownModelError, WrongModelError
from stellwerk.features.catalog.service import Catalog
from stellwerk.features.catalog.types import Model
from stellwerk.features.keys.errors import ModelForbiddenError, ScopeMissingError
from stellwerk.features.keys.types import Principal, Scope
from stellwerk.features.usage.types import UsageRow
from stellwerk.operations import chat_completions, embeddings, transcriptions
from stellwerk.operations.meter import Books
from stellwerk.operations.metrics import Metrics
from stellwerk.operations.operation import Call
from stellwerk.operations.run import Runner
from stellwerk.ports.sink import Headers
from stellwerk.upstreams.pool import Pool, Timeouts
from stellwerk.upstreams.remote import Base, HttpRoute
from stellwerk.wire.form import Part, read_parts, write_parts
from tests.admissions import admission
from tests.scripted import EVENTS, Script, Scripted, chunk, scripted, whole


@dataclass
class Memory:
    """A sink that keeps what it is given."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    ended: bool = False

    async def head(self, status: int, headers: Headers) -> None:
        self.status, self.headers = status, dict(headers)

    async def data(self, chunk: bytes) -> None:
        self.body += chunk

    async def end(self) -> None:
        self.ended = True


@dataclass
class Line:
    """A runner before a scripted upstream."""

    runner: Runner
    upstream: Scripted
    metrics: Metrics
    registry: CollectorRegistry
    rows: list[UsageRow]

    def page(self) -> bytes:
        self.metrics.flush()
        return generate_latest(self.registry)

    async def run(self, fields: dict[str, Any] | bytes, **call: Any) -> Memory:
        sink = Memory()
        body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
        made = Call(principal=call.pop("principal", principal()), body=body, request_id="r", **call)
        await self.runner.run(chat_completions.OPERATION, made, sink)
        return sink


def principal(*models: str, scope: Scope = Scope.INFERENCE) -> Principal:
    return Principal("key_1", "test", "proj_1", models or ("*",), frozenset({scope}), None)


@asynccontextmanager
async def line(database: Database, script: Script) -> AsyncIterator[Line]:
    async with scripted(script) as upstream:
        base = Base.of(upstream.url)
        pool = Pool(base.address, Timeouts(), None)
        entries = [
            {"id": "chat", "aliases": ["latest"], "upstream": {"url": upstream.url, "model": "m1"}},
            {
                "id": "ears",
                "type": "STT",
                "aliases": ["whisper-1"],
                "upstream": {"url": upstream.url},
            },
            {"id": "vectors", "type": "EMBEDDING", "upstream": {"url": upstream.url}},
        ]
        models = [Model(ModelEntry.model_validate(entry), "file", 0) for entry in entries]
        registry = CollectorRegistry()
        metrics = Metrics(registry)
        rows: list[UsageRow] = []
        route = HttpRoute("target", "m1", base, pool)
        async with admission(database, 30) as admits:
            books = Books(metrics, rows.append)
            catalog = Catalog(database, models)
            runner = Runner(catalog, lambda _: (route,), admits, books, lambda *_: False)
            yield Line(runner, upstream, metrics, registry, rows)
        pool.close()


async def answer(writer: asyncio.StreamWriter) -> None:
    writer.write(whole(b'{"ok":true}'))


async def test_the_body_reaches_the_upstream_with_its_name_there(database: Database) -> None:
    async with line(database, answer) as hub:
        sink = await hub.run({"model": "latest", "messages": [], "unknown": {"b": [1, 2.50]}})
    assert (sink.status, sink.body, sink.ended) == (200, b'{"ok":true}', True)
    assert json.loads(hub.upstream.bodies[0]) == {
        "model": "m1",
        "messages": [],
        "unknown": {"b": [1, 2.5]},
    }


async def test_the_address_names_the_model(database: Database) -> None:
    async with line(database, answer) as hub:
        await hub.run({"messages": []}, model="chat")
    assert json.loads(hub.upstream.bodies[0])["model"] == "m1"


async def test_a_stream_that_is_cut_ends_with_an_error_event(database: Database) -> None:
    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(EVENTS + chunk(b'data: {"n":1}\n\ndata: {"n"'))
        await writer.drain()
        writer.close()

    async with line(database, script) as hub:
        sink = await hub.run({"model": "chat", "stream": True})
    first, _, last, rest = sink.body.split(b"\n\n")
    assert first == b'data: {"n":1}'
    assert json.loads(last.removeprefix(b"event: error\ndata: "))["error"]["code"] == "upstream_cut"
    assert (rest, sink.ended) == (b"", True)


async def test_an_answer_that_is_cut_becomes_an_error(database: Database) -> None:
    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(whole(b"x" * 100)[:-50])
        await writer.drain()
        writer.close()

    async with line(database, script) as hub:
        with pytest.raises(StellwerkError, match="middle"):
            await hub.run({"model": "chat"})
    assert b'status="502"' in hub.page()


async def test_no_upstream_is_unavailable(database: Database) -> None:
    async def script(writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with line(database, script) as hub:
        with pytest.raises(StellwerkError) as caught:
            await hub.run({"model": "chat"})
    assert caught.value.kind is Kind.UNAVAILABLE
    assert b'status="503"' in hub.page()


async def test_a_cancelled_call_hangs_up(database: Database) -> None:
    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(EVENTS + chunk(b"data: 1\n\n"))
        await writer.drain()
        await asyncio.sleep(60)

    async with line(database, script) as hub:
        task = asyncio.create_task(hub.run({"model": "chat", "stream": True}))
        while not hub.upstream.bodies:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait_for(hub.upstream.hung_up.wait(), 10)
    assert b'status="499"' in hub.page()
    assert b'in_flight{model="chat",operation="chat.completions"} 0.0' in generate_latest(
        hub.registry
    )


@pytest.mark.parametrize(
    ("body", "caller", "error"),
    [
        (b"{", principal(), InvalidRequestError),
        (b"[]", principal(), InvalidRequestError),
        (b"{}", principal(), InvalidRequestError),
        (b'{"model":5}', principal(), InvalidRequestError),
        (b'{"model":"none"}', principal(), UnknownModelError),
        (b'{"model":"latest"}', principal("other"), ModelForbiddenError),
        (b'{"model":"vectors"}', principal(), WrongModelError),
        (b'{"model":"chat"}', principal(scope=Scope.FILES), ScopeMissingError),
        (b'{"model":"chat","max_tokens":-1}', principal(), InvalidRequestError),
        (b'{"model":"chat","max_completion_tokens":-5}', principal(), InvalidRequestError),
        (b'{"model":"chat","n":0}', principal(), InvalidRequestError),
    ],
)
async def test_refusals(
    database: Database, body: bytes, caller: Principal, error: type[StellwerkError]
) -> None:
    async with line(database, answer) as hub:
        with pytest.raises(error):
            await hub.run(body, principal=caller)
        assert not hub.upstream.bodies


async def test_the_right_models_are_named(database: Database) -> None:
    async with line(database, answer) as hub:
        call = Call(principal=principal(), body=b'{"model":"chat"}', request_id="r")
        with pytest.raises(WrongModelError, match="Use one of: vectors"):
            await hub.runner.run(embeddings.OPERATION, call, Memory())


async def test_events_pass_as_they_come_whatever_ends_their_lines(database: Database) -> None:
    go_on = asyncio.Event()

    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(EVENTS + chunk(b"data: 1\r\n\r\ndata"))
        await writer.drain()
        await go_on.wait()
        writer.write(chunk(b": 2\r\n\r\n") + chunk(b""))

    class Watching(Memory):
        async def data(self, chunk: bytes) -> None:
            await super().data(chunk)
            go_on.set()

    async with line(database, script) as hub:
        sink = Watching()
        call = Call(principal=principal(), body=b'{"model":"chat"}', request_id="r")
        await asyncio.wait_for(hub.runner.run(chat_completions.OPERATION, call, sink), 10)
    assert sink.body == b"data: 1\r\n\r\ndata: 2\r\n\r\n"


async def test_deep_nesting_is_refused(database: Database) -> None:
    async with line(database, answer) as hub:
        body = b'{"model":"chat","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        with pytest.raises(InvalidRequestError, match="nested"):
            await hub.run(body)
        with pytest.raises(InvalidRequestError, match="empty"):
            await hub.run(b" ")


FORM = "multipart/form-data; boundary=b"
RECORDING = Part("file", b"\0sound\r\n", "a.wav", "audio/wav")


@pytest.mark.parametrize("fields", [[Part("model", b"whisper-1")], []])
async def test_a_form_reaches_the_upstream_with_its_name_there(
    database: Database, fields: list[Part]
) -> None:
    async with line(database, answer) as hub:
        body = write_parts([RECORDING, *fields, Part("language", b"de")], FORM)
        named = None if fields else "whisper-1"
        call = Call(principal(), body, "r", named, FORM.encode())
        await hub.runner.run(transcriptions.OPERATION, call, Memory())
    parts = read_parts(hub.upstream.bodies[0], FORM)
    assert {part.name: part for part in parts} == {
        "model": Part("model", b"m1"),
        "file": RECORDING,
        "language": Part("language", b"de"),
    }
    assert len(parts) == 3
    # A recording is no text: it is not taken for a prompt of so many tokens.
    assert hub.rows[0].prompt_tokens == 0


@pytest.mark.parametrize(
    ("content_type", "status"), [(b"application/json", 415), (b"", 415), (FORM.encode(), 400)]
)
async def test_a_body_that_is_no_form(database: Database, content_type: bytes, status: int) -> None:
    async with line(database, answer) as hub:
        call = Call(principal(), b'{"model":"chat"}', "r", None, content_type)
        with pytest.raises(StellwerkError) as refusal:
            await hub.runner.run(transcriptions.OPERATION, call, Memory())
    assert refusal.value.kind.status == status
