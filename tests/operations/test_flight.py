"""Calls over several targets, each of them a scripted server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from stellwerk.base.errors import InvalidRequestError, Kind, StellwerkError
from stellwerk.base.ids import new_id
from stellwerk.base.limits import Limits
from stellwerk.base.model_entry import ModelEntry
from stellwerk.features.catalog.service import Catalog
from stellwerk.features.catalog.types import Model
from stellwerk.features.keys.types import KeyLimits, Principal, Scope
from stellwerk.features.limits.errors import BudgetExceededError, RateLimitedError
from stellwerk.features.usage.types import UsageRow
from stellwerk.operations import (
    chat_completions,
    completions,
    image_generations,
    speech,
    transcriptions,
)
from stellwerk.operations.meter import Books
from stellwerk.operations.metrics import Metrics
from stellwerk.operations.operation import Call, Operation
from stellwerk.operations.run import Runner
from stellwerk.ports.sink import Headers
from stellwerk.upstreams.pool import Address, Pool, Timeouts
from stellwerk.upstreams.remote import Base, HttpRoute
from stellwerk.wire.form import Part, write_parts
from tests.operations.conftest import Shared
from tests.scripted import EVENTS, JSON, Script, Scripted, chunk, says, scripted, whole

ANSWER = b'{"model":"m0","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}'
USAGE = b'data: {"model":"m0","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"
FORM = b"multipart/form-data; boundary=b"
pytestmark = pytest.mark.asyncio(loop_scope="module")

NOBODY = Address("127.0.0.1", 1)
ONE_AT_A_TIME = KeyLimits(Limits(concurrent_requests=1), Limits(), "default")


def event(text: str, model: str = "m0") -> bytes:
    return b'data: {"model":"%b","choices":[{"delta":{"content":"%b"}}]}\n\n' % (
        model.encode(),
        text.encode(),
    )


def fails(status: int, *headers: bytes) -> Script:
    lines = b"".join(header + b"\r\n" for header in headers)
    return says(whole(b'{"error":{"message":"Told."}}', b"HTTP/1.1 %d X\r\n%b" % (status, lines)))


async def silence(_: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


answers = says(whole(ANSWER))
streams = says(EVENTS, chunk(event("a") + event("b") + USAGE + DONE), chunk(b""))
is_cut = says(EVENTS, chunk(event("a") + event("b") + b"data: {"), close=True)


class Memory:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.status, self.headers, self.body = 0, dict[bytes, bytes](), b""
        self.news = asyncio.Event()

    async def head(self, status: int, headers: Headers) -> None:
        self.status, self.headers = status, dict(headers)

    async def data(self, chunk: bytes) -> None:
        self.body += chunk
        self.news.set()

    async def end(self) -> None:
        self.news.set()


@dataclass
class Net:
    """A runner before one model `chat`, alias `latest`, with a target `m0`, `m1` per script."""

    runner: Runner
    targets: list[Scripted]
    routes: tuple[HttpRoute, ...]
    rows: list[UsageRow]
    key: str

    @property
    def asked(self) -> list[int]:
        return [len(target.bodies) for target in self.targets]

    async def run(self, body: Any = None, **fields: Any) -> Memory:
        sink = Memory()
        await self.into(sink, body, **fields)
        return sink

    async def into(
        self,
        sink: Memory,
        body: Any = None,
        *,
        operation: Operation = chat_completions.OPERATION,
        limits: KeyLimits | None = None,
        model: str | None = None,
        **fields: Any,
    ) -> None:
        if not isinstance(body, bytes):
            body = json.dumps({"model": "chat", **fields, **(body or {})}).encode()
        who = Principal(self.key, "k", "p", ("*",), frozenset({Scope.INFERENCE}), None, limits)
        await self.runner.run(operation, Call(who, body, "req_1", model), sink)

    async def error(self, **fields: Any) -> StellwerkError:
        with pytest.raises(StellwerkError) as caught:
            await self.run(**fields)
        return caught.value

    @property
    def row(self) -> UsageRow:
        [row] = self.rows
        return row


@asynccontextmanager
async def net(
    shared: Shared, *scripts: Script | None, retry: bool = False, **entry: Any
) -> AsyncIterator[Net]:
    """`None` for a script: nobody listens there."""
    targets: list[Scripted] = []
    routes: list[HttpRoute] = []
    rows: list[UsageRow] = []
    upstream = {"url": "http://127.0.0.1:1/v1"}
    made = {"id": "chat", "aliases": ["latest"], "upstream": upstream, **entry}
    catalog = Catalog(shared.database, [Model(ModelEntry.model_validate(made), "file", 0)])
    books = Books(Metrics(CollectorRegistry()), rows.append)
    runner = Runner(catalog, lambda _: tuple(routes), shared.admission, books, lambda *_: False)
    async with AsyncExitStack() as stack:
        for number, script in enumerate(scripts):
            targets.append(await stack.enter_async_context(scripted(script or silence)))
            base = Base.of(targets[-1].url)
            pool = Pool(base.address if script else NOBODY, Timeouts(), None)
            stack.callback(pool.close)
            name = f"m{number}"
            routes.append(HttpRoute(name, name, base, pool, order=number, retry=retry))
        yield Net(runner, targets, tuple(routes), rows, new_id("key_"))
    assert [route.in_flight for route in routes] == [0] * len(routes)


@pytest.mark.parametrize(
    "first",
    [None, fails(429), fails(429, b"retry-after: 30"), fails(503), fails(401), fails(403)],
    ids=["refused", "429", "429-later", "503", "401", "403"],
)
async def test_a_target_that_did_not_run_it_is_followed_by_the_next(
    shared: Shared, first: Script | None
) -> None:
    async with net(shared, first, answers) as hub:
        sink = await hub.run()
    assert (sink.status, json.loads(sink.body)["model"]) == (200, "chat")
    assert json.loads(hub.targets[1].bodies[0])["model"] == "m1"
    assert (hub.row.target, hub.row.status, hub.row.completion_tokens) == ("m1", 200, 2)


@pytest.mark.parametrize("first", [fails(500), fails(502), says(close=True)])
async def test_a_call_that_may_have_run_is_not_repeated(shared: Shared, first: Script) -> None:
    async with net(shared, first, answers) as hub:
        error = await hub.error()
        assert hub.asked == [1, 0]
    assert error.kind.status in {502, 503}
    assert hub.row.status == error.kind.status


@pytest.mark.parametrize("first", [fails(500), fails(502), says(close=True)])
async def test_it_is_repeated_where_the_entry_says_so(shared: Shared, first: Script) -> None:
    async with net(shared, first, answers, retry=True) as hub:
        assert (await hub.run()).status == 200
        assert hub.asked == [1, 1]


@pytest.mark.parametrize("status", [400, 404, 422])
async def test_an_error_of_the_request_is_the_answer(shared: Shared, status: int) -> None:
    async with net(shared, fails(status), answers, retry=True) as hub:
        error = await hub.error()
        assert (error.message, hub.asked) == ("Told.", [1, 0])


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_respected(shared: Shared, status: int) -> None:
    async with net(shared, fails(status, b"retry-after: 30"), answers) as hub:
        for _ in range(3):
            assert (await hub.run()).status == 200
        assert hub.asked == [1, 3]
        assert 29 < hub.routes[0].breaker.wait <= 30


async def test_the_last_refusal_is_told_with_its_time(shared: Shared) -> None:
    scripts = fails(503, b"retry-after: 9"), fails(429, b"retry-after: 30")
    async with net(shared, *scripts) as hub:
        first = await hub.error()
        second = await hub.error()
        assert hub.asked == [1, 1], "none is asked before its time"
    assert (first.kind, first.retry_after) == (Kind.RATE_LIMITED, 30)
    assert second.kind is Kind.UNAVAILABLE
    assert second.retry_after is not None
    assert 8 < second.retry_after <= 9, "the first one of them to be back"
    assert [row.status for row in hub.rows] == [429, 503]


async def test_a_vanished_target_is_left_alone_and_blocks_none(shared: Shared) -> None:
    async with net(shared, None, answers) as hub:
        for _ in range(6):
            assert (await hub.run()).status == 200
        assert not hub.routes[0].breaker.allows()
        assert (await hub.run()).status == 200


async def test_all_out_of_order_is_unavailable_with_a_time(shared: Shared) -> None:
    async with net(shared, None, None) as hub:
        for _ in range(6):
            error = await hub.error()
        assert (error.kind, error.code) == (Kind.UNAVAILABLE, "upstream_unavailable")
        assert error.retry_after
        assert "out of order" in error.message


async def test_an_alias_is_a_name_on_both_sides_of_the_hub_only(shared: Shared) -> None:
    async with net(shared, answers) as hub:
        sink = await hub.run(model=None, body={"model": "latest"})
    assert json.loads(hub.targets[0].bodies[0])["model"] == "m0"
    assert json.loads(sink.body)["model"] == "latest"
    assert hub.row.model == "chat"


async def test_an_alias_in_a_stream(shared: Shared) -> None:
    async with net(shared, streams) as hub:
        sink = await hub.run({"model": "latest", "stream": True})
    assert sink.body == event("a", "latest") + event("b", "latest") + DONE


async def test_usage_is_asked_for_and_hidden(shared: Shared) -> None:
    async with net(shared, streams) as hub:
        sink = await hub.run(stream=True, stream_options={"include_obfuscation": False})
    sent = json.loads(hub.targets[0].bodies[0])["stream_options"]
    assert sent == {"include_obfuscation": False, "include_usage": True}
    assert sink.body == event("a", "chat") + event("b", "chat") + DONE
    row = hub.row
    assert (row.prompt_tokens, row.completion_tokens, row.estimated, row.stream) == (
        3,
        2,
        False,
        True,
    )


async def test_usage_that_was_asked_for_is_shown(shared: Shared) -> None:
    async with net(shared, streams) as hub:
        sink = await hub.run(stream=True, stream_options={"include_usage": True})
    assert USAGE.replace(b"m0", b"chat") in sink.body


async def test_a_cut_stream_ends_in_an_error_and_is_estimated(shared: Shared) -> None:
    prices = {"input": 1, "output": 1}
    async with net(shared, is_cut, answers, retry=True, prices=prices) as hub:
        sink = await hub.run(stream=True)
        assert hub.asked == [1, 0], "after the first byte there is no second target"
    assert sink.body.startswith(event("a", "chat") + event("b", "chat"))
    *_, last, end = sink.body.split(b"\n\n")
    name, data = last.split(b"\n")
    assert (name, end) == (b"event: error", b"")
    assert json.loads(data.removeprefix(b"data: "))["error"]["code"] == "upstream_cut"
    row = hub.row
    assert (row.status, row.completion_tokens, row.estimated) == (502, 2, True)
    assert row.prompt_tokens > 0
    assert row.cost > 0


PAINTS: dict[str, Any] = {"operation": image_generations.OPERATION, "prompt": "A box."}
PER_IMAGE = {"per_image": "0.04"}


@pytest.mark.parametrize("made", [0, 1, 3])
async def test_pictures_are_paid_by_the_piece(shared: Shared, made: int) -> None:
    data = [{"b64_json": "eA=="}] * made
    painted = says(whole(json.dumps({"created": 1, "data": data}).encode()))
    async with net(shared, painted, type="IMAGE", prices=PER_IMAGE) as hub:
        sink = await hub.run(**PAINTS, n=3)
    assert json.loads(sink.body)["data"] == data
    assert (hub.row.operation, hub.row.cost) == ("images.generations", made * 40_000_000)


def picture(name: str, size: int = 8) -> bytes:
    told = {
        "type": f"image_generation.{name}",
        "b64_json": "A" * size,
        "usage": {"input_tokens": 3},
    }
    return b"data: %b\n\n" % json.dumps(told).encode()


async def test_streamed_pictures_are_paid_when_they_are_done(shared: Shared) -> None:
    parts = [picture("partial_image"), picture("completed", 3 * 2**20), picture("completed")]
    script = says(EVENTS, *map(chunk, parts), chunk(b""))
    async with net(shared, script, type="IMAGE", prices=PER_IMAGE) as hub:
        sink = await hub.run(**PAINTS, stream=True, n=3)
    assert sink.body == b"".join(parts)
    assert (hub.row.cost, hub.row.prompt_tokens, hub.row.estimated) == (80_000_000, 3, False)


async def test_pictures_that_a_budget_does_not_hold_are_not_begun(shared: Shared) -> None:
    painted = says(whole(b'{"created":1,"data":[{"b64_json":"eA=="},{"b64_json":"eA=="}]}'))
    limits = KeyLimits(Limits(prepaid_budget=Decimal("0.1")), Limits(), "default")
    async with net(shared, painted, type="IMAGE", prices=PER_IMAGE) as hub:
        with pytest.raises(BudgetExceededError):
            await hub.run(**PAINTS, n=3, limits=limits)
        assert hub.asked == [0]
        await hub.run(**PAINTS, n=2, limits=limits)
    assert [row.cost for row in hub.rows] == [0, 80_000_000]


async def test_who_leaves_before_the_last_picture_pays_for_the_others(shared: Shared) -> None:
    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(EVENTS + chunk(b'data: {"type":"image_generation.completed"}\n\n'))
        await writer.drain()
        await asyncio.sleep(60)

    async with net(shared, script, type="IMAGE", prices=PER_IMAGE) as hub:
        sink = Memory()
        task = asyncio.create_task(hub.into(sink, **PAINTS, stream=True, n=2))
        await asyncio.wait_for(sink.news.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (hub.row.status, hub.row.cost) == (499, 40_000_000)


async def test_a_hub_without_models_for_pictures_says_so(shared: Shared) -> None:
    async with net(shared, answers) as hub:
        error = await hub.error(**PAINTS)
    assert (error.code, error.param) == ("model_not_supported", "model")
    assert "The catalogue has no model for it" in error.message


MINUTES = b'{"type":"duration","seconds":90,"completion_tokens":7}'
PLAIN = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx-usage: "
BY_THE_MINUTE: dict[str, Any] = {"type": "STT", "prices": {"per_audio_minute": "0.006"}}


async def transcribe(hub: Net, sink: Memory, **fields: str) -> None:
    given = {"model": "chat", **fields}.items()
    parts = [Part(name, value.encode()) for name, value in given]
    body = write_parts([*parts, Part("file", b"x", "a.mp3")], FORM.decode())
    who = Principal(hub.key, "k", "p", ("*",), frozenset({Scope.INFERENCE}), None, None)
    call = Call(who, body, "req_1", None, FORM)
    await hub.runner.run(transcriptions.OPERATION, call, sink)


@pytest.mark.parametrize(
    "answer",
    [whole(b'{"text":"a","usage":' + MINUTES + b"}"), whole(b"a", PLAIN + MINUTES + b"\r\n")],
    ids=["json", "text"],
)
async def test_sound_is_paid_by_the_minute(shared: Shared, answer: bytes) -> None:
    async with net(shared, says(answer), **BY_THE_MINUTE) as hub:
        sink = Memory()
        await transcribe(hub, sink)
    assert sink.status == 200
    assert (hub.row.cost, hub.row.completion_tokens, hub.row.estimated) == (9_000_000, 7, False)


@pytest.mark.parametrize("told", [b"90", b"{", b"\xff", b'{"seconds":"x"}'])
async def test_a_usage_that_cannot_be_read_is_none(shared: Shared, told: bytes) -> None:
    async with net(shared, says(whole(b"a", PLAIN + told + b"\r\n")), **BY_THE_MINUTE) as hub:
        sink = Memory()
        await transcribe(hub, sink)
    assert (sink.status, sink.body, hub.row.cost) == (200, b"a", 0)


async def test_who_hangs_up_pays_for_the_sound_that_was_understood(shared: Shared) -> None:
    async def script(writer: asyncio.StreamWriter) -> None:
        delta = b'data: {"type":"transcript.text.delta","delta":"a","usage":' + MINUTES + b"}\n\n"
        writer.write(EVENTS + chunk(delta))
        await writer.drain()
        await silence(writer)

    async with net(shared, script, **BY_THE_MINUTE) as hub:
        sink = Memory()
        task = asyncio.create_task(transcribe(hub, sink, stream="true"))
        await asyncio.wait_for(sink.news.wait(), 10)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert (hub.row.status, hub.row.cost) == (499, 9_000_000)


SOUND = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n\r\n"
SPEAKS: dict[str, Any] = {"operation": speech.OPERATION, "voice": "alloy", "input": "Hello"}


async def test_a_sound_goes_on_as_it_comes(shared: Shared) -> None:
    proceed = asyncio.Event()

    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(SOUND + chunk(b"first\n\n"))
        await writer.drain()
        await proceed.wait()
        writer.write(chunk(b'"usage":{') + chunk(b""))
        await writer.drain()

    async with net(shared, script, type="TTS") as hub:
        sink = Memory()
        task = asyncio.create_task(hub.into(sink, **SPEAKS))
        await asyncio.wait_for(sink.news.wait(), 10)
        assert (sink.status, sink.body) == (200, b"first\n\n")
        assert sink.headers[b"content-type"] == b"audio/mpeg"
        proceed.set()
        await task
        assert sink.body == b'first\n\n"usage":{'
        assert json.loads(hub.targets[0].bodies[0])["model"] == "m0"
    assert (hub.row.operation, hub.row.status) == ("audio.speech", 200)
    assert hub.row.prompt_tokens > 5


async def test_a_sound_that_breaks_off_has_no_words_in_it(shared: Shared) -> None:
    async with net(shared, says(SOUND, chunk(b"first"), close=True), answers, type="TTS") as hub:
        sink = Memory()
        with pytest.raises(StellwerkError) as caught:
            await hub.into(sink, **SPEAKS)
        assert caught.value.code == "upstream_cut"
        assert (sink.body, hub.asked) == (b"first", [1, 0])
    assert hub.row.status == 502


async def test_a_client_that_hangs_up_pays_what_was_produced(shared: Shared) -> None:
    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(EVENTS + chunk(event("a") + event("b")))
        await writer.drain()
        await silence(writer)

    async with net(shared, script, prices={"output": 1}) as hub:
        sink = Memory()
        task = asyncio.create_task(hub.into(sink, stream=True))
        await asyncio.wait_for(sink.news.wait(), 10)
        task.cancel()
        await asyncio.wait_for(hub.targets[0].hung_up.wait(), 10)
    row = hub.row
    assert (row.status, row.completion_tokens, row.estimated) == (499, 2, True)
    assert row.cost == 2000


@pytest.mark.parametrize(
    "script",
    [answers, streams, is_cut, fails(400), fails(500), None, says(b"no HTTP\r\n\r\n")],
    ids=["whole", "stream", "cut", "400", "500", "refused", "garbled"],
)
async def test_a_permit_is_settled_in_every_ending(shared: Shared, script: Script | None) -> None:
    async with net(shared, script) as hub:
        for _ in range(3):
            with suppress(StellwerkError):
                await hub.run(stream=True, limits=ONE_AT_A_TIME)
    # A call that is refused for its limits leaves no row.
    assert len(hub.rows) == 3
    assert 429 not in {row.status for row in hub.rows}


async def test_a_permit_is_settled_when_the_client_hangs_up(shared: Shared) -> None:
    async with net(shared, silence) as hub:
        for number in range(1, 3):
            task = asyncio.create_task(hub.run(limits=ONE_AT_A_TIME))
            while hub.asked != [number]:
                await asyncio.sleep(0.01)
            with pytest.raises(RateLimitedError):
                await hub.run(limits=ONE_AT_A_TIME)
            task.cancel()
            await asyncio.wait([task])
    assert [row.status for row in hub.rows] == [429, 499, 429, 499]


async def test_what_is_left_of_a_limit_is_told(shared: Shared) -> None:
    limits = KeyLimits(Limits(requests_per_minute=5), Limits(), "default")
    async with net(shared, answers) as hub:
        sink = await hub.run(limits=limits)
    assert sink.headers[b"x-ratelimit-limit-requests"] == b"5"
    assert sink.headers[b"x-ratelimit-remaining-requests"] == b"4"


async def test_a_proprietary_model_takes_no_raw_completions(shared: Shared) -> None:
    meta_data = {"source_type": "PROPRIETARY"}
    async with net(shared, answers, meta_data=meta_data) as hub:
        with pytest.raises(InvalidRequestError, match="no raw completions") as caught:
            await hub.run(prompt="x", operation=completions.OPERATION)
        assert (caught.value.param, hub.asked) == ("model", [0])
        assert (await hub.run()).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"secret","model":"chat"}',
        b'{"model":"chat","x":1,"mo\\u0064el":"chat"}',
        b'{"\\u006dodel":"secret","model":"chat"}',
        b'{"mod\\u0065l":"chat"}',
        b'{"x":{"model":"secret"},"model":"chat"}',
        b'{"x":"\\"model\\":\\"secret\\"","model":"chat"}',
        b'{"x":"model","y":[{"model":"secret"}],"model" : "chat"}',
    ],
)
@pytest.mark.parametrize("stream", [b"false", b"true"])
async def test_no_other_model_can_be_smuggled_in(
    shared: Shared, body: bytes, stream: bytes
) -> None:
    def strict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        assert len(set(names)) == len(names), "a key that comes twice is read in two ways"
        return dict(pairs)

    body = body[:-1] + b',"stream":' + stream + b"}"
    async with net(shared, streams) as hub:
        await hub.run(body)
    sent = json.loads(hub.targets[0].bodies[0], object_pairs_hook=strict)
    assert sent["model"] == "m0"
    assert {key: sent[key] for key in sent if key in {"x", "y"}} == {
        key: value for key, value in json.loads(body).items() if key in {"x", "y"}
    }


async def test_the_address_goes_before_the_body(shared: Shared) -> None:
    async with net(shared, answers) as hub:
        await hub.run(b'{"model":"secret","messages":[]}', model="latest")
    assert json.loads(hub.targets[0].bodies[0]) == {"model": "m0", "messages": []}


async def test_an_answer_without_usage_is_estimated(shared: Shared) -> None:
    async with net(shared, says(whole(b'{"choices":[]}', JSON))) as hub:
        await hub.run(messages=["x" * 400])
    assert hub.row.estimated
    assert hub.row.prompt_tokens >= 100
