import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from stellwerk.base.errors import StellwerkError
from stellwerk.ports.sink import Head, Headers
from stellwerk.upstreams.exchange import Failure
from stellwerk.upstreams.pool import Pool, PooledExchange, Timeouts
from stellwerk.upstreams.remote import Base
from tests.scripted import EVENTS, JSON, Script, Scripted, chunk, scripted, whole

REQUEST = b"POST /v1/x HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}"


@dataclass
class Heard:
    """A receiver that keeps what it hears."""

    status: int = 0
    headers: Headers = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    failure: Failure | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    def whole(self, head: Head, body: bytes) -> None:
        self.head(head)
        self.data(body)
        self.end()

    def head(self, head: Head) -> None:
        assert not self.status
        self.status, self.headers = head.status, head.headers

    def data(self, chunk: bytes) -> None:
        self.chunks.append(chunk)
        self.news.set()

    def end(self) -> None:
        assert not self.over.is_set()
        self.over.set()

    def failed(self, failure: Failure) -> None:
        self.failure = failure
        self.end()

    def progress(self, share: float) -> None:
        self.shares.append(share)

    def refused(self, error: StellwerkError) -> None:
        raise error


@dataclass
class Asked:
    pool: Pool
    upstream: Scripted

    async def ask(self) -> Heard:
        heard = Heard()
        self.pool.begin(REQUEST, heard)
        await asyncio.wait_for(heard.over.wait(), 10)
        return heard

    def begin(self) -> tuple[PooledExchange, Heard]:
        heard = Heard()
        return self.pool.begin(REQUEST, heard), heard


@asynccontextmanager
async def pooled(script: Script, timeouts: Timeouts | None = None) -> AsyncIterator[Asked]:
    async with scripted(script) as upstream:
        pool = Pool(Base.of(upstream.url).address, timeouts or Timeouts(), None)
        yield Asked(pool, upstream)
        pool.close()
        assert pool.size == 0


def sends(*pieces: bytes, close: bool = False, hang: float = 0) -> Script:
    async def script(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
        await asyncio.sleep(hang)
        if close:
            writer.close()

    return script


async def test_an_answer_comes_whole_and_its_connection_is_kept() -> None:
    async with pooled(sends(whole(b'{"a":1}'))) as asked:
        for _ in range(3):
            heard = await asked.ask()
            assert (heard.status, heard.body, heard.failure) == (200, b'{"a":1}', None)
            assert asked.pool.size == 1
    assert asked.upstream.bodies == [b"{}"] * 3


@pytest.mark.parametrize(
    "pieces",
    [
        [EVENTS + chunk(b"data: 1\n\n") + chunk(b"data: 2\n\n") + chunk(b"")],
        [bytes([one]) for one in EVENTS + chunk(b"data: 1\n\ndata: 2\n\n") + chunk(b"")],
        [b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n", whole(b"data: 1\n\ndata: 2\n\n")],
    ],
)
async def test_however_it_is_cut_up_it_is_the_same(pieces: list[bytes]) -> None:
    async with pooled(sends(*pieces)) as asked:
        heard = await asked.ask()
    assert (heard.status, heard.body) == (200, b"data: 1\n\ndata: 2\n\n")


async def test_progress_is_told_before_the_answer() -> None:
    interim = b"HTTP/1.1 102 Processing\r\nx-progress: %b\r\n\r\n"
    told = [interim % text for text in (b"0.25", b"1e9", b"-1", b"0.5", b"7", b"nan", b"0.1.2")]
    async with pooled(sends(*told, whole(b"{}"))) as asked:
        heard = await asked.ask()
        again = await asked.ask()
    assert (heard.shares, again.shares) == ([0.25, 0.5, 1.0], [0.25, 0.5, 1.0])
    assert (heard.status, heard.body, heard.failure) == (200, b"{}", None)


async def test_without_a_length_the_end_of_the_connection_is_the_end() -> None:
    async with pooled(sends(JSON + b"\r\n" + b'{"a":1}', close=True)) as asked:
        heard = await asked.ask()
        assert (heard.body, heard.failure, asked.pool.size) == (b'{"a":1}', None, 0)


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        (sends(close=True), Failure.REFUSED),
        (sends(whole(b"x" * 100)[:-50], close=True), Failure.CUT),
        (sends(EVENTS + chunk(b"data: 1\n\n"), close=True), Failure.CUT),
        (sends(b"SSH-2.0-OpenSSH\r\n", hang=20), Failure.GARBLED),
        (sends(JSON + b"x: " + b"y" * 70_000, hang=20), Failure.GARBLED),
        (sends(EVENTS + b"zz\r\n", hang=20), Failure.GARBLED),
        (sends(hang=20), Failure.SILENT),
        (sends(EVENTS + chunk(b"data: 1\n\n"), hang=20), Failure.STALLED),
    ],
)
async def test_failures(script: Script, failure: Failure) -> None:
    async with pooled(script, Timeouts(first_byte=0.5, idle=0.5)) as asked:
        heard = await asked.ask()
        assert (heard.failure, asked.pool.size) == (failure, 0)


async def test_nobody_listens() -> None:
    pool = Pool(Base.of("http://127.0.0.1:9/v1").address, Timeouts(), None)
    asked = Asked(pool, Scripted(""))
    assert (await asked.ask()).failure is Failure.UNREACHED


async def test_what_comes_behind_an_answer_is_not_the_next_one() -> None:
    async with pooled(sends(whole(b"1") + whole(b"2"))) as asked:
        heard = await asked.ask()
        assert (heard.body, heard.failure, asked.pool.size) == (b"1", None, 0)


async def test_a_connection_that_was_closed_while_it_was_kept_is_replaced() -> None:
    writers: list[asyncio.StreamWriter] = []

    async def script(writer: asyncio.StreamWriter) -> None:
        # The second request on one connection finds it closed.
        if writer in writers:
            writer.close()
            return
        writers.append(writer)
        writer.write(whole(b"1"))

    async with pooled(script) as asked:
        await asked.ask()
        heard = await asked.ask()
        assert (heard.body, heard.failure) == (b"1", None)
    assert (len(writers), len(asked.upstream.bodies)) == (2, 3)


async def test_an_idle_connection_is_closed_after_a_while() -> None:
    async with pooled(sends(whole(b"1")), Timeouts(keep_alive=0.1)) as asked:
        await asked.ask()
        await asyncio.wait_for(asked.upstream.hung_up.wait(), 10)
        assert asked.pool.size == 0


@pytest.mark.parametrize("early", [True, False])
async def test_cancelling_hangs_up(early: bool) -> None:
    async with pooled(sends(EVENTS + chunk(b"data: 1\n\n"), hang=60)) as asked:
        exchange, heard = asked.begin()
        if not early:
            await asyncio.wait_for(heard.news.wait(), 10)
            exchange.cancel()
            await asyncio.wait_for(asked.upstream.hung_up.wait(), 10)
        exchange.cancel()
        await asyncio.sleep(0.05)
        assert (asked.pool.size, heard.over.is_set()) == (0, False)


async def test_a_paused_answer_waits_at_its_sender() -> None:
    sent = 0

    async def script(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(EVENTS)
        for _ in range(400):
            writer.write(chunk(b"x" * 100_000))
            await writer.drain()
            sent += 1
        writer.write(chunk(b""))

    async with pooled(script, Timeouts(idle=0.3)) as asked:
        exchange, heard = asked.begin()
        await asyncio.wait_for(heard.news.wait(), 10)
        exchange.pause()
        # Longer than the idle timeout: a receiver that is slow is not the sender's fault.
        await asyncio.sleep(1)
        held = sent
        assert held < 400
        exchange.resume()
        await asyncio.wait_for(heard.over.wait(), 20)
        assert (heard.failure, len(heard.body)) == (None, 40_000_000)


async def test_a_new_request_may_begin_in_the_end_of_the_last() -> None:
    async with pooled(sends(whole(b"1"))) as asked:
        second = Heard()

        class First(Heard):
            def end(self) -> None:
                super().end()
                asked.pool.begin(REQUEST, second)

        asked.pool.begin(REQUEST, First())
        await asyncio.wait_for(second.over.wait(), 10)
        assert (second.body, asked.pool.size) == (b"1", 1)
