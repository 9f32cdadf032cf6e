"""One behaviour, two speeds: the lane and the ASGI application give the same answers.

The lane hands over what has a query string or `Expect`, so the same request can be asked both ways.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from stellwerk.base.limits import Limits
from stellwerk.base.model_entry import ModelEntry
from stellwerk.features.catalog.service import Catalog
from stellwerk.features.catalog.types import Model
from stellwerk.features.keys.types import NewKey
from stellwerk.features.keys.types import Scope as KeyScope
from stellwerk.lane.lane import Lane
from stellwerk.lane.protocol import LaneProtocol
from stellwerk.operations.registry import OPERATIONS
from stellwerk.operations.run import Runner
from stellwerk.upstreams.pool import Pool, Timeouts
from stellwerk.upstreams.remote import Base, HttpRoute
from stellwerk.upstreams.route import Route
from stellwerk.web.app import PREFIXES, create_app
from tests.scripted import EVENTS, Script, chunk, says, scripted, whole
from tests.web.conftest import Web, web

__all__ = ["web"]

CHAT = "/v2/chat/completions"
ANSWER = (
    b'{"id":"c","model":"there","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}'
)
EVENT = b'data: {"id":"c","model":"there","choices":[{"delta":{"content":"x"}}]}\n\n'
USAGE = b'data: {"id":"c","model":"there","choices":[],"usage":{"prompt_tokens":3}}\n\n'
DONE = b"data: [DONE]\n\n"
# What belongs to one answer alone, and how it is framed: who refuses a body unread closes.
OWN = {"date", "x-request-id", "content-length", "transfer-encoding", "connection"}


def fails(status: int, *headers: bytes) -> Script:
    lines = b"".join(header + b"\r\n" for header in headers)
    body = b'{"error":{"message":"Told.","param":"messages","code":"odd"}}'
    return says(whole(body, b"HTTP/1.1 %d X\r\n%b" % (status, lines)))


SOUND = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n\r\n"
SCRIPTS = {
    "whole": says(whole(ANSWER)),
    "stream": says(EVENTS, chunk(EVENT + EVENT + USAGE + DONE), chunk(b"")),
    "cut": says(EVENTS, chunk(EVENT + b"data: {"), close=True),
    "cut-whole": says(whole(ANSWER)[:-5], close=True),
    "sound": says(SOUND, chunk(b"la"), chunk(b"la"), chunk(b"")),
    "cut-sound": says(SOUND, chunk(b"la"), close=True),
    "closes": says(close=True),
    "garbage": says(b"no HTTP at all\r\n\r\n"),
    "bad": fails(400),
    "denied": fails(401),
    "missing": fails(404),
    "limited": fails(429, b"retry-after: 7"),
    "broken": fails(500),
    "away": fails(503),
    "late": fails(504),
    "odd": says(whole(ANSWER, b"HTTP/1.1 299 X\r\ncontent-type: application/json\r\n")),
}


@dataclass
class Both:
    """A server with a lane, a client for it, and the number of calls that the lane handed over."""

    client: httpx.AsyncClient
    web: Web
    handed: list[str]

    async def ask(self, key: str, body: bytes, path: str = CHAT, **headers: str) -> httpx.Response:
        given = {"authorization": f"Bearer {key}", "content-type": "application/json", **headers}
        return await self.client.post(path, content=body, headers=given)

    async def key(self, name: str, *models: str, **more: Any) -> str:
        made = NewKey(name=name, models=models or ("*",), **more)
        return (await self.web.hub.keys.create(made)).key

    async def twice(
        self, key: str, body: bytes, path: str = CHAT, **headers: str
    ) -> httpx.Response:
        """The answer to one request, asked at both speeds."""
        self.handed.clear()
        fast = await self.ask(key, body, path, **headers)
        assert self.handed == [], "the lane answers this itself"
        slow = await self.ask(key, body, f"{path}?slow=1", **headers)
        also = await self.ask(key, body, path, expect="100-continue", **headers)
        assert self.handed == [path, path]
        assert shown(fast) == shown(slow) == shown(also)
        return fast


def shown(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    headers = {name: value for name, value in answer.headers.items() if name not in OWN}
    return answer.status_code, headers, answer.content


@asynccontextmanager
async def serving(web: Web, runner: Runner, catalog: Catalog) -> AsyncIterator[Both]:
    hub = replace(web.hub, runner=runner, catalog=catalog)
    handed: list[str] = []
    lane = Lane(
        runner, hub.keyring, max_body=hub.max_body, operations=OPERATIONS, prefixes=PREFIXES
    )
    config = uvicorn.Config(
        counted(create_app(hub), handed),
        http=partial(LaneProtocol, lane),  # type: ignore[arg-type]
        port=0,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        yield Both(client, web, handed)
    server.should_exit = True
    await running


def counted(app: ASGIApp, handed: list[str]) -> ASGIApp:
    async def count(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            handed.append(scope["path"])
        await app(scope, receive, send)

    return count


@pytest.fixture
async def both(web: Web) -> AsyncIterator[Both]:
    """One model for each script, whose alias is `the-NAME`, and a proprietary one."""
    routes: dict[str, Route] = {}
    entries: list[dict[str, Any]] = []
    async with AsyncExitStack() as stack:
        for name, script in SCRIPTS.items():
            upstream = await stack.enter_async_context(scripted(script))
            base = Base.of(upstream.url)
            pool = Pool(base.address, Timeouts(), None)
            stack.callback(pool.close)
            routes[name] = HttpRoute(name, "there", base, pool)
            kind = "TTS" if "sound" in name else "LLM"
            aliases, url = [f"the-{name}"], upstream.url
            entries.append({"id": name, "type": kind, "aliases": aliases, "upstream": {"url": url}})
        shared = {"upstream": entries[0]["upstream"]}
        entries.append({"id": "closed", "meta_data": {"source_type": "PROPRIETARY"}, **shared})
        entries.append({"id": "vectors", "type": "EMBEDDING", **shared})
        routes["closed"] = routes["vectors"] = routes["whole"]
        models = [Model(ModelEntry.model_validate(entry), "file", 7) for entry in entries]
        catalog = Catalog(web.hub.database, models)
        books = web.hub.runner.books
        engines = web.hub.describer.engine_does
        runner = Runner(
            catalog, lambda model: (routes[model.id],), web.hub.admission, books, engines
        )
        yield await stack.enter_async_context(serving(web, runner, catalog))


def asks(model: str, **fields: Any) -> bytes:
    return json.dumps({"model": model, "messages": [], **fields}).encode()


async def test_answers_and_errors_of_targets(both: Both) -> None:
    key = await both.key("any")
    statuses = {
        "whole": 200,
        "cut-whole": 502,
        "closes": 503,
        "garbage": 502,
        "bad": 400,
        "denied": 502,
        "missing": 404,
        "broken": 502,
        "away": 503,
        "late": 504,
    }
    for name, status in statuses.items():
        answer = await both.twice(key, asks(name))
        assert answer.status_code == status, name
        assert answer.headers["content-type"] == "application/json"
        if status != 200:
            assert answer.json()["error"]["message"] == answer.json()["detail"]


async def test_a_target_that_asks_for_patience(both: Both) -> None:
    """It is not asked again before its time, whichever way one comes."""
    key = await both.key("any")
    first = await both.ask(key, asks("limited"))
    assert (first.status_code, first.headers["retry-after"]) == (429, "7")
    for path in (CHAT, f"{CHAT}?slow=1"):
        answer = await both.ask(key, asks("limited"), path)
        assert answer.status_code == 503
        assert 1 <= int(answer.headers["retry-after"]) <= 7


async def test_aliases(both: Both) -> None:
    key = await both.key("any")
    answer = await both.twice(key, asks("the-whole"))
    assert answer.json()["model"] == "the-whole"
    answer = await both.twice(key, asks("the-stream", stream=True))
    assert answer.content == EVENT.replace(b"there", b"the-stream") * 2 + DONE


async def test_streams(both: Both) -> None:
    key = await both.key("any")
    plain = await both.twice(key, asks("stream", stream=True))
    assert plain.headers["content-type"] == "text/event-stream"
    assert plain.headers["cache-control"] == "no-cache"
    assert b"usage" not in plain.content
    told = await both.twice(
        key, asks("stream", stream=True, stream_options={"include_usage": True})
    )
    assert b'"usage"' in told.content
    cut = await both.twice(key, asks("cut", stream=True))
    assert cut.status_code == 200
    assert b"event: error\ndata: " in cut.content
    refused = await both.twice(key, asks("bad", stream=True))
    assert refused.status_code == 400


WRONG = {
    b"": 400,
    b"{": 400,
    b"[]": 400,
    b"{}": 400,
    b'{"model":5}': 400,
    b'{"model":"whole","stream":"yes"}': 400,
    b'{"model":"\xff"}': 400,
    b'{"model":"none"}': 404,
    b'{"model":"vectors"}': 400,
    b'{"model":"whole","x":"' + b"x" * 10_000 + b'"}': 413,
}


async def test_sounds(both: Both) -> None:
    key, path = await both.key("k"), "/v2/audio/speech"
    whole = await both.twice(key, asks("the-sound"), path)
    assert (whole.content, whole.headers["content-type"]) == (b"lala", "audio/mpeg")
    # A client must see that this is not all; an error in words would be noise.
    for query in ("", "?slow=1"):
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            await both.ask(key, asks("cut-sound"), path + query)
    assert (await both.ask(key, asks("sound"), path)).content == b"lala"


async def test_what_is_wrong_with_a_body(both: Both) -> None:
    key = await both.key("any")
    for body, status in WRONG.items():
        assert (await both.twice(key, body)).status_code == status, body[:50]


async def test_other_verbs_and_prefixes(both: Both) -> None:
    key = await both.key("any")
    assert (await both.twice(key, asks("vectors", input="x"), "/v1/embeddings")).status_code == 200
    raw = await both.twice(key, asks("closed", prompt="x"), "/v2/completions")
    assert (raw.status_code, raw.json()["error"]["param"]) == (400, "model")
    for prefix in ("/v1", "/v2/coding", "/v2/openai", "/vision"):
        assert (await both.twice(key, asks("whole"), f"{prefix}/chat/completions")).is_success


async def test_keys(both: Both) -> None:
    some = await both.key("some", "wh*")
    assert (await both.twice(some, asks("whole"))).status_code == 200
    assert (await both.twice(some, asks("stream"))).status_code == 403
    files = await both.key("files", scopes=(KeyScope.FILES,))
    assert (await both.twice(files, asks("whole"))).status_code == 403
    for wrong in ("stw-wrong", "x y"):
        answer = await both.twice(wrong, asks("whole"))
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_request_ids(both: Both) -> None:
    key = await both.key("any")
    for path in (CHAT, f"{CHAT}?slow=1"):
        named = await both.ask(key, asks("whole"), path, **{"x-request-id": "mine-1"})
        assert named.headers["x-request-id"] == "mine-1"
        unsafe = await both.ask(key, asks("whole"), path, **{"x-request-id": "a b" * 100})
        assert unsafe.headers["x-request-id"].startswith("req_")


async def asked_by(
    both: Both, limits: Limits, make: Callable[[], bytes], times: int
) -> list[tuple[int, dict[str, str], bytes]]:
    """Answers to a key of its own for each speed; both speeds must give the same ones."""
    found = []
    for project, path in (("fast", CHAT), ("slow", f"{CHAT}?slow=1")):
        key = await both.key("limited", project=project, limits=limits)
        found.append([shown(await both.ask(key, make(), path)) for _ in range(times)])
    fast, slow = found
    for one, other in zip(fast, slow, strict=True):
        assert without_time(one) == without_time(other)
    return fast


def without_time(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, dict[str, str], str]:
    """Seconds run on between two calls, and stand in the words of a refusal too."""
    status, headers, body = answer
    kept = {name: value for name, value in headers.items() if "reset" not in name}
    if status != 429:
        return status, kept, body.decode()
    assert int(kept.pop("retry-after")) > 0
    return status, kept, json.loads(body)["error"]["code"]


async def test_limits_and_their_headers(both: Both) -> None:
    limits = Limits(requests_per_minute=2, output_tokens_per_minute=5000)
    first, second, third = await asked_by(both, limits, partial(asks, "whole", max_tokens=5), 3)
    assert [first[0], second[0], third[0]] == [200, 200, 429]
    assert first[1]["x-ratelimit-limit-requests"] == "2"
    assert second[1]["x-ratelimit-remaining-requests"] == "0"
    assert "x-ratelimit-remaining-tokens" in first[1]
    assert third[1]["retry-after"]


async def test_headers_of_limits_on_streams(both: Both) -> None:
    limits = Limits(requests_per_minute=1)
    first, second = await asked_by(both, limits, partial(asks, "stream", stream=True), 2)
    assert (first[0], second[0]) == (200, 429)
    assert first[1]["x-ratelimit-remaining-requests"] == "0"


async def test_one_connection_does_all_of_it_in_turn(both: Both) -> None:
    """Known heads, refusals, streams and what is handed over do not disturb each other."""
    key = await both.key("any")
    wanted = {"whole": 200, "stream": 200, "bad": 400, "none": 404}
    for number in range(24):
        for name, status in wanted.items():
            path = f"{CHAT}?slow=1" if number % 3 == 2 else CHAT
            answer = await both.ask(key, asks(name, pad="x" * number), path)
            assert answer.status_code == status
            assert await asyncio.wait_for(answer.aread(), 5)


async def test_two_requests_in_one_piece_do_not_lend_each_other_their_keys(both: Both) -> None:
    one, all_of_them = await both.key("one", "whole"), await both.key("all")
    for key in (one, all_of_them):
        await both.ask(key, asks("whole"))
    address = both.client.base_url
    reader, writer = await asyncio.open_connection(address.host, address.port)

    def request(key: str, model: str) -> bytes:
        body = asks(model)
        head = f"POST {CHAT} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {key}\r\n"
        return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body

    async def status() -> int:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length"))
        await reader.readexactly(int(length.split(b":")[1]))
        return int(head.split(b" ")[1])

    writer.write(request(one, "none") + request(all_of_them, "whole"))
    assert [await status(), await status()] == [404, 200]
    for _ in range(2):
        writer.write(request(one, "bad"))
        assert await status() == 403
    writer.close()


async def test_trailers_without_end_are_cut_off(both: Both) -> None:
    key = await both.key("any")
    address = both.client.base_url
    reader, writer = await asyncio.open_connection(address.host, address.port)
    head = f"POST {CHAT} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {key}\r\n"
    writer.write(f"{head}transfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n".encode())
    with suppress(ConnectionError):
        for _ in range(2000):
            writer.write(b"t: " + b"x" * 1000 + b"\r\n")
            await writer.drain()
    with suppress(ConnectionError):
        # It ends by itself only when the server has closed the connection.
        await asyncio.wait_for(reader.read(), 5)
    assert writer.is_closing() or reader.at_eof()


async def test_a_status_without_a_name_passes(both: Both) -> None:
    answer = await both.twice(await both.key("any"), asks("odd"))
    assert answer.status_code == 299
