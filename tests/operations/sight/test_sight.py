"""Pictures on their way to models that fetch by themselves, that look, and that are blind."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from stellwerk.base.errors import InvalidRequestError, StellwerkError
from stellwerk.base.ids import new_id
from stellwerk.base.limits import Limits
from stellwerk.base.model_entry import ModelEntry
from stellwerk.base.settings import FetchSettings, PictureSettings
from stellwerk.features.catalog.service import Catalog
from stellwerk.features.catalog.types import Model
from stellwerk.features.files.types import NewFile
from stellwerk.features.keys.types import KeyLimits, Principal, Scope
from stellwerk.features.usage.types import UsageRow
from stellwerk.fetch.fetcher import Fetcher
from stellwerk.operations import chat_completions, responses
from stellwerk.operations.asking import Collected
from stellwerk.operations.meter import Books
from stellwerk.operations.metrics import Metrics
from stellwerk.operations.operation import Call, Operation
from stellwerk.operations.run import Runner
from stellwerk.operations.sight.sight import Sight
from stellwerk.upstreams.pool import Pool, Timeouts
from stellwerk.upstreams.remote import Base, HttpRoute
from tests import pictures
from tests.coloured_texts import ColouredTexts, coloured, coloured_texts
from tests.fetch.conftest import HERE, THERE, Names, peer, says
from tests.operations.conftest import Shared
from tests.scripted import Scripted, scripted, whole

GREEN, GREY = (0, 200, 0), (90, 90, 90)
ANSWER = b'{"model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}'
ENTRIES: tuple[dict[str, Any], ...] = (
    {"id": "looks"},
    {"id": "fetches"},
    {"id": "blind"},
    {"id": "reader", "type": "OCR", "aliases": ["page-reader"]},
)


pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Hub:
    """A runner before a chat server and a reader of coloured pictures."""

    runner: Runner
    chat: Scripted
    ocr: ColouredTexts
    rows: list[UsageRow] = field(default_factory=list)

    async def run(self, operation: Operation, who: Principal, body: Any) -> Any:
        """What the chat server got."""
        written = body if isinstance(body, bytes) else json.dumps(body).encode()
        await self.runner.run(operation, Call(who, written, "req_1"), Collected())
        return json.loads(self.chat.bodies[-1])

    async def ask(self, model: str, *urls: str, who: Principal | None = None, **more: Any) -> Any:
        """The parts that the chat server got for pictures with these addresses."""
        parts = [{"type": "image_url", "image_url": {"url": url, **more}} for url in urls]
        content = [{"type": "text", "text": "What?"}, *parts]
        body = {"model": model, "messages": [{"role": "user", "content": content}]}
        got = await self.run(chat_completions.OPERATION, who or principal(), body)
        return got["messages"][0]["content"][1:]

    async def refused(self, *urls: str, model: str = "looks") -> InvalidRequestError:
        """The error for such a call, which must not have reached the chat server."""
        before = len(self.chat.bodies)
        with pytest.raises(InvalidRequestError) as caught:
            await self.ask(model, *urls)
        assert len(self.chat.bodies) == before
        assert caught.value.param == "messages[0].content[1].image_url.url"
        return caught.value


def principal(*models: str, limits: KeyLimits | None = None) -> Principal:
    scopes = frozenset({Scope.INFERENCE})
    key = new_id("key_")
    return Principal(key, "test", "proj_1", models or ("*",), scopes, None, limits)


@asynccontextmanager
async def opened(
    shared: Shared,
    names: AbstractResolver | None = None,
    *,
    fetch: dict[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[Hub]:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(whole(ANSWER))

    given = {"allow": [f"{HERE}/32"], "timeout": 30, **(fetch or {})}
    fetching = FetchSettings.model_validate(given)
    async with AsyncExitStack() as stack:
        chat = await stack.enter_async_context(scripted(answer))
        ocr = await stack.enter_async_context(coloured_texts({GREEN: "Gleis 17\nPrüfung"}))
        fetcher = await stack.enter_async_context(Fetcher(fetching, names))
        models = [
            Model(ModelEntry.model_validate({**entry, "upstream": {"url": chat.url}}), "file", 0)
            for entry in ENTRIES
        ]
        routes = {}
        for model, form, url in zip(
            models, ("data", "url", "none", "data"), (chat.url,) * 3 + (ocr.url,), strict=True
        ):
            base = Base.of(url)
            pool = Pool(base.address, Timeouts(), None)
            stack.callback(pool.close)
            routes[model.id] = (HttpRoute("target", "m", base, pool, pictures=form),)  # type: ignore[arg-type]
        rows: list[UsageRow] = []
        runner = Runner(
            Catalog(shared.database, models),
            lambda model: routes[model.id],
            shared.admission,
            Books(Metrics(CollectorRegistry()), rows.append),
            lambda *_: False,
            Sight(fetcher, shared.files, PictureSettings(**settings)),
        )
        yield Hub(runner, chat, ocr, rows)


async def test_a_server_that_fetches_gets_every_byte(shared: Shared) -> None:
    body = (
        b'{"model":"m", "messages": [{"role":"user","content":[{"type":"image_url",  "image_url":'
        b'{"url":"https://nowhere.invalid/a.png" , "detail":"high"}}]}]}'
    )
    async with opened(shared) as hub:
        given = body.replace(b'"m"', b'"fetches"')
        await hub.run(chat_completions.OPERATION, principal(), given)
        assert hub.chat.bodies == [body]


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
async def test_a_server_that_looks_gets_a_data_url(shared: Shared, form: str) -> None:
    data = pictures.plain(form=form)
    wanted = pictures.uri(data, f"image/{form.lower()}")
    async with opened(shared) as hub, peer(says(data, content_type="text/plain")) as server:
        [fetched] = await hub.ask("looks", server.url("/a"), detail="low")
        assert fetched == {"type": "image_url", "image_url": {"url": wanted, "detail": "low"}}
        # The sender may have called it something else.
        [sent] = await hub.ask("looks", pictures.uri(data, "image/bmp"))
        assert sent["image_url"]["url"] == wanted


async def test_what_several_messages_hold(shared: Shared) -> None:
    data = pictures.plain()
    async with opened(shared) as hub, peer(says(data)) as server:
        content = [{"type": "image_url", "image_url": {"url": server.url()}}]
        messages = [{"role": "user", "content": content}, {"role": "user", "content": content}]
        body = {"model": "looks", "messages": messages, "stream": False, "unknown": [1.5]}
        got = await hub.run(chat_completions.OPERATION, principal(), body)
    urls = [message["content"][0]["image_url"]["url"] for message in got["messages"]]
    assert urls == [pictures.uri(data)] * 2
    assert (got["model"], got["unknown"]) == ("m", [1.5])
    assert server.connections == 1


async def test_a_blind_model_is_told(shared: Shared) -> None:
    async with opened(shared) as hub, peer(says(coloured(GREEN))) as server:
        [seen, empty] = await hub.ask("blind", server.url(), pictures.uri(coloured(GREY)))
        assert seen["type"] == empty["type"] == "text"
        assert "Image 1 of 2: PNG, 200 x 100 pixels" in seen["text"]
        assert "Gleis 17\nPrüfung" in seen["text"]
        assert "holds no text" in empty["text"]
        # The next turn brings the same picture, which is known by then.
        [again] = await hub.ask("blind", pictures.uri(coloured(GREEN)))
        assert "Gleis 17\nPrüfung" in again["text"]
        assert hub.ocr.read == 2
    assert [row.operation for row in hub.rows if row.model == "reader"] == ["ocr", "ocr"]


async def test_responses(shared: Shared) -> None:
    part = {"type": "input_image", "image_url": pictures.uri(coloured(GREEN))}
    items = [{"role": "user", "content": [part]}]
    async with opened(shared) as hub:
        for model in ("looks", "blind"):
            body = {"model": model, "input": items}
            got = await hub.run(responses.OPERATION, principal(), body)
            [seen] = got["input"][0]["content"]
            if model == "looks":
                assert seen == part
            else:
                assert seen["type"] == "input_text"
                assert "Gleis 17" in seen["text"]


async def uploaded(shared: Shared, data: bytes, project: str = "proj_1") -> str:
    async def once() -> AsyncIterator[bytes]:
        yield data

    async with shared.database.begin() as connection:
        row = {"id": project}
        insert = "insert into projects (id, name) values (:id, :id) on conflict do nothing"
        await connection.execute(text(insert), row)
    new = NewFile(filename="a.png", purpose="vision")
    return (await shared.files.create(project, new, once())).id


def items(file_id: str) -> list[Any]:
    part = {"type": "input_image", "file_id": file_id, "detail": "auto"}
    return [{"role": "user", "content": [part]}]


async def test_a_file_that_was_uploaded(shared: Shared) -> None:
    data = coloured(GREEN)
    mine = await uploaded(shared, data)
    async with opened(shared) as hub:
        body = {"model": "looks", "input": items(mine)}
        got = await hub.run(responses.OPERATION, principal(), body)
        wanted = {"type": "input_image", "detail": "auto", "image_url": pictures.uri(data)}
        assert got["input"][0]["content"] == [wanted]
        body = {"model": "blind", "input": items(mine)}
        got = await hub.run(responses.OPERATION, principal(), body)
        assert "Gleis 17" in got["input"][0]["content"][0]["text"]
        for model, file_id in (("fetches", mine), ("looks", "file-AbCdEf")):
            got = await hub.run(
                responses.OPERATION, principal(), {"model": model, "input": items(file_id)}
            )
            assert got["input"] == items(file_id), "an upstream may have files of its own"


async def test_files_that_are_no_pictures_of_the_caller_s(shared: Shared) -> None:
    words = await uploaded(shared, b"no picture")
    others = await uploaded(shared, coloured(GREEN), "proj_2")
    async with opened(shared, max_total=2000) as hub:
        large = await uploaded(shared, bytes(2001))
        for file_id, status in ((words, 400), (others, 404), (large, 400)):
            body = {"model": "looks", "input": items(file_id)}
            with pytest.raises(StellwerkError) as caught:
                await hub.run(responses.OPERATION, principal(), body)
            assert caught.value.kind.status == status
            assert caught.value.param == "input[0].content[0].file_id"


async def test_a_picture_that_is_shown_often_counts_as_often(shared: Shared) -> None:
    """A small body must not become one that fills the memory."""
    data = pictures.plain((300, 300), compress_level=0)
    async with opened(shared, max_total=3 * len(data)) as hub, peer(says(data)) as server:
        assert len(await hub.ask("looks", *[server.url()] * 3)) == 3
        error = await hub.refused(*[server.url()] * 4)
        assert "all pictures together" in error.message


async def test_base64_without_its_head_is_told_of(shared: Shared) -> None:
    async with opened(shared) as hub:
        error = await hub.refused("iVBORw0KGgo" * 1000)
        assert "`data:image/png;base64,...`" in error.message


async def test_a_text_that_speaks_of_pictures_stays_as_it_is(shared: Shared) -> None:
    body = b'{"model":"m",  "messages":[{"role":"user","content":"What is image_url?"}]}'
    async with opened(shared) as hub:
        given = body.replace(b'"m"', b'"blind"')
        await hub.run(chat_completions.OPERATION, principal(), given)
        assert hub.chat.bodies == [body]


LITERALS = [
    THERE,
    "[::1]",
    "[::ffff:127.0.0.2]",
    "[64:ff9b::7f00:2]",
    "[fd00::1]",
    "[fe80::1]",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "0x7f000002",
    "2130706434",
    "localhost",
]


@pytest.mark.parametrize("model", ["looks", "blind"])
@pytest.mark.parametrize("host", LITERALS)
async def test_private_addresses(shared: Shared, host: str, model: str) -> None:
    # `localhost` is an allowed address under another name, and another one beside it.
    names = Names([HERE, "::1"]) if host == "localhost" else None
    async with opened(shared, names) as hub, peer(says(pictures.plain()), THERE) as server:
        error = await hub.refused(server.url(host=host), model=model)
        assert error.code in {"forbidden_address", "invalid_url"}
        assert server.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.org/a.png",
        "gopher://example.org/",
        "//example.org/a.png",
        "/etc/passwd",
        "",
        "http://user:secret@example.org/a.png",
        "http://example.org:0/a.png",
        "http://exa mple.org/",
        "blob:https://example.org/1",
    ],
)
async def test_what_is_no_address_of_a_picture(shared: Shared, url: str) -> None:
    async with opened(shared) as hub:
        assert (await hub.refused(url)).code == "invalid_url"


async def test_a_redirect_to_a_private_address(shared: Shared) -> None:
    async with (
        opened(shared) as hub,
        peer(says(pictures.plain()), THERE) as target,
        peer(says(b"", "302 Found", location=target.url())) as server,
    ):
        assert (await hub.refused(server.url())).code == "forbidden_address"
        assert (server.connections, target.connections) == (1, 0)


async def test_a_name_that_changes_its_mind(shared: Shared) -> None:
    names = Names([HERE], [THERE])
    async with opened(shared, names) as hub, peer(says(pictures.plain())) as server:
        assert await hub.ask("looks", server.url(host="rebind.test"))
        error = await hub.refused(server.url(host="rebind.test"))
        assert error.code == "forbidden_address"
        assert (names.asked, server.connections) == (["rebind.test"] * 2, 1)


async def test_a_slow_body(shared: Shared) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with opened(shared, fetch={"timeout": 0.3}) as hub, peer(drip) as server:
        assert (await hub.refused(server.url())).code == "fetch_timeout"


async def test_more_than_is_taken(shared: Shared) -> None:
    async with (
        opened(shared, fetch={"max_size": 1000}, max_total=3000, most=2) as hub,
        peer(says(bytes(1001))) as large,
    ):
        error = await hub.refused(large.url())
        assert (error.kind.status, error.code) == (400, "image_too_large")
        small = pictures.uri(pictures.plain())
        with pytest.raises(InvalidRequestError, match="more than 2 pictures") as caught:
            await hub.ask("looks", small, small, small)
        assert caught.value.param == "messages[0].content[3].image_url.url"
        assert "all pictures together" in (await hub.refused(pictures.uri(bytes(3001)))).message


@pytest.mark.parametrize("model", ["looks", "blind"])
@pytest.mark.parametrize("data", [b"", b"<html>", pictures.plain()[:20], pictures.bomb()])
async def test_what_is_no_picture(shared: Shared, data: bytes, model: str) -> None:
    async with opened(shared) as hub, peer(says(data, content_type="image/png")) as server:
        for url in (server.url("/a.png"), pictures.uri(data)):
            assert (await hub.refused(url, model=model)).kind.status == 400


async def test_a_server_s_refusal_is_told(shared: Shared) -> None:
    async with opened(shared) as hub, peer(says(b"no", "404 Not Found")) as server:
        assert "404" in (await hub.refused(server.url())).message


async def test_a_key_that_may_not_use_the_reader(shared: Shared) -> None:
    async with opened(shared) as hub:
        with pytest.raises(InvalidRequestError, match="may not use 'reader'"):
            await hub.ask("blind", pictures.uri(coloured(GREEN)), who=principal("blind"))


async def test_nobody_reads(shared: Shared) -> None:
    async with opened(shared, reader="nobody") as hub:
        assert "no model 'nobody'" in (await hub.refused("https://a/", model="blind")).message


async def test_one_call_at_a_time_is_enough(shared: Shared) -> None:
    """What reads a picture does so within the call that has the permit."""
    tight = Limits(concurrent_requests=1, requests_per_minute=1)
    who = principal(limits=KeyLimits(tight, Limits(), "default"))
    async with opened(shared) as hub:
        [seen] = await hub.ask("blind", pictures.uri(coloured(GREEN)), who=who)
        assert "Gleis 17" in seen["text"]
        with pytest.raises(StellwerkError) as caught:
            await hub.ask("blind", pictures.uri(coloured(GREY)), who=who)
        assert caught.value.kind.status == 429
    assert hub.ocr.read == 1


async def test_the_bytes_of_a_picture_are_no_tokens(shared: Shared) -> None:
    who = principal(limits=KeyLimits(Limits(input_tokens_per_minute=5000), Limits(), "default"))
    large = pictures.uri(pictures.plain((1500, 1000), form="PNG", compress_level=0))
    async with opened(shared) as hub:
        assert len(large) > 2**20
        assert await hub.ask("looks", large, who=who)
        with pytest.raises(StellwerkError, match="tokens"):
            await hub.ask("looks", *[large] * 5, who=who)


async def test_a_caller_who_hangs_up_stops_the_fetch(shared: Shared) -> None:
    asked = asyncio.Event()

    async def hold(_: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.sleep(60)

    async with opened(shared) as hub, peer(hold) as server:
        task = asyncio.create_task(hub.ask("looks", server.url()))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        [row] = hub.rows
        assert (row.status, hub.chat.bodies) == (499, [])
