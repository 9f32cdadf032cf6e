import asyncio
import gzip

import pytest

from stellwerk.base.errors import StellwerkError, UnavailableError
from stellwerk.upstreams.client import Client
from stellwerk.upstreams.target import UpstreamError
from tests.scripted import EVENTS, chunk, scripted, whole


async def read(client: Client) -> tuple[int, bytes]:
    async with client.post("/chat/completions", b"{}") as answer:
        return answer.status, b"".join([piece async for piece in answer.chunks()])


async def test_an_answer_comes_as_it_was_sent() -> None:
    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(whole(b'{"a":1}'))

    async with scripted(script) as upstream:
        client = Client(upstream.url)
        assert await read(client) == (200, b'{"a":1}')
        await client.close()
    assert upstream.bodies == [b"{}"]


async def test_a_cut_stream_is_an_error() -> None:
    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(EVENTS + chunk(b"data: 1\n\n"))
        await writer.drain()
        writer.close()

    async with scripted(script) as upstream:
        client = Client(upstream.url)
        with pytest.raises(UpstreamError, match="middle"):
            await read(client)
        await client.close()


async def test_a_cut_before_the_head_is_unavailable() -> None:
    async def script(writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with scripted(script) as upstream:
        client = Client(upstream.url)
        with pytest.raises(UnavailableError):
            await read(client)
        await client.close()


async def test_nobody_listens() -> None:
    client = Client("http://127.0.0.1:9/v1")
    with pytest.raises(UnavailableError) as caught:
        await read(client)
    assert caught.value.retry_after
    await client.close()


async def test_leaving_early_hangs_up() -> None:
    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(EVENTS + chunk(b"data: 1\n\n"))
        await writer.drain()
        await asyncio.sleep(60)

    async with scripted(script) as upstream:
        client = Client(upstream.url)
        async with client.post("/chat/completions", b"{}") as answer:
            assert answer.content_type == "text/event-stream"
        await asyncio.wait_for(upstream.hung_up.wait(), 10)
        await client.close()


async def test_redirects_are_not_followed() -> None:
    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:9/v1\r\n"
            b"content-length: 0\r\n\r\n"
        )

    async with scripted(script) as upstream:
        client = Client(upstream.url)
        with pytest.raises(StellwerkError, match="307"):
            await read(client)
        await client.close()


async def test_a_compressed_answer_is_unpacked() -> None:
    async def script(writer: asyncio.StreamWriter) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n"
        writer.write(whole(gzip.compress(b'{"a":1}'), head))

    async with scripted(script) as upstream:
        client = Client(upstream.url)
        assert await read(client) == (200, b'{"a":1}')
        await client.close()
