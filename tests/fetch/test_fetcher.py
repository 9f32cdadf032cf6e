"""The guarded fetcher, over real sockets."""

import asyncio
import ssl

import pytest
import trustme

from stellwerk.fetch.errors import (
    FetchedTooLargeError,
    FetchFailedError,
    FetchTimeoutError,
    ForbiddenAddressError,
    InvalidUrlError,
)
from tests.fetch.conftest import HERE, THERE, Names, fetcher, peer, says

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(30)


async def test_bytes_are_fetched_and_looked_at() -> None:
    async with peer(says(PNG, content_type="text/html")) as server, fetcher() as fetch:
        found = await fetch.fetch(server.url("/picture.txt"))
    assert found.data == PNG
    assert found.content_type == "image/png"
    assert b"accept-encoding: identity" in server.heads[0].lower()


async def test_nothing_known_is_octets() -> None:
    async with peer(says(b"hello")) as server, fetcher() as fetch:
        assert (await fetch.fetch(server.url())).content_type == "application/octet-stream"


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.org/",
        "gopher://example.org/",
        "data:text/plain,hello",
        "javascript:alert(1)",
        "//example.org/",
        "example.org",
        "",
        "http://",
        "http:///path",
        "http://user@example.org/",
        "http://user:secret@example.org/",
        "http://:secret@example.org/",
        "http://example.org:0/",
        "http://example.org:99999/",
        "http://exa mple.org/",
        "http://example.org/\r\nHost: other",
        "http://example.org/\0",
        "http://[::1",
        "http://example.org/" + "a" * 9000,
    ],
)
async def test_what_is_no_url_for_us_is_refused(url: str) -> None:
    async with fetcher() as fetch:
        with pytest.raises(InvalidUrlError) as caught:
            await fetch.fetch(url, param="image_url")
    assert caught.value.param == "image_url"


LITERALS = [
    THERE,
    "127.0.0.2.",
    "[::1]",
    "[::ffff:127.0.0.2]",
    "[::ffff:7f00:2]",
    "[64:ff9b::7f00:2]",
    "[2002:7f00:2::]",
    "[fd00::1]",
    "[fe80::1]",
    "0.0.0.0",
    "[::]",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "0177.0.0.2",
    "0x7f.0.0.2",
    "127.2",
    "2130706434",
    "0x7f000002",
]


@pytest.mark.parametrize("host", LITERALS)
async def test_addresses_that_are_not_public_are_not_gone_to(host: str) -> None:
    async with peer(says(), THERE) as server, fetcher() as fetch:
        with pytest.raises((ForbiddenAddressError, InvalidUrlError)) as caught:
            await fetch.fetch(server.url(host=host), param="image_url")
    assert caught.value.param == "image_url"
    assert server.connections == 0


async def test_localhost_is_a_name_like_any_other() -> None:
    async with peer(says(), HERE) as server, fetcher(allow=()) as fetch:
        with pytest.raises(ForbiddenAddressError):
            await fetch.fetch(server.url(host="localhost"))
    assert server.connections == 0


@pytest.mark.parametrize(
    "addresses", [[THERE], [HERE, THERE], [THERE, HERE], ["::ffff:127.0.0.2"], ["fd00::1", HERE]]
)
async def test_a_name_for_a_private_address_is_refused(addresses: list[str]) -> None:
    async with peer(says(), THERE) as server, fetcher(addresses) as fetch:
        with pytest.raises(ForbiddenAddressError) as caught:
            await fetch.fetch(server.url(host="media.test"))
    assert server.connections == 0
    assert not any(address in str(caught.value) for address in addresses)


async def test_a_name_is_looked_up_once_and_the_checked_address_is_used() -> None:
    async with peer(says(), HERE) as server, peer(says(), THERE) as other:
        names = Names([HERE], [THERE])
        async with fetcher() as fetch:
            fetch._session.connector._resolver._inner = names  # type: ignore[union-attr]
            assert (await fetch.fetch(server.url(host="rebind.test"))).data == b"hello"
            assert names.asked == ["rebind.test"]
            with pytest.raises(ForbiddenAddressError):
                await fetch.fetch(server.url(host="rebind.test"))
        assert (server.connections, other.connections) == (1, 0)


async def test_a_redirect_is_followed() -> None:
    async with (
        peer(says()) as target,
        peer(says(b"", "302 Found", location=target.url("/a"))) as server,
        fetcher() as fetch,
    ):
        assert (await fetch.fetch(server.url())).data == b"hello"
    assert target.heads[0].startswith(b"GET /a ")


async def test_a_redirect_to_a_private_address_is_refused() -> None:
    async with peer(says(), THERE) as target:
        for status in ("301 Moved", "302 Found", "303 Other", "307 Temporary", "308 Permanent"):
            async with peer(says(b"", status, location=target.url())) as server, fetcher() as fetch:
                with pytest.raises(ForbiddenAddressError):
                    await fetch.fetch(server.url())
    assert target.connections == 0


@pytest.mark.parametrize(
    "place", ["file:///etc/passwd", "http://user:pw@example.org/", "gopher://example.org"]
)
async def test_a_redirect_to_what_is_no_url_for_us_is_refused(place: str) -> None:
    async with peer(says(b"", "302 Found", location=place)) as server, fetcher() as fetch:
        with pytest.raises(InvalidUrlError):
            await fetch.fetch(server.url())


async def test_redirects_end() -> None:
    async with peer(says(b"", "302 Found", location="/again")) as server, fetcher() as fetch:
        with pytest.raises(FetchFailedError, match="redirects"):
            await fetch.fetch(server.url())
    assert server.connections == 6


async def test_a_redirect_to_nowhere_is_told() -> None:
    async with peer(says(b"", "302 Found")) as server, fetcher() as fetch:
        with pytest.raises(FetchFailedError):
            await fetch.fetch(server.url())


async def test_an_announced_size_is_believed_when_it_is_too_much() -> None:
    async with peer(says(b"", content_length=10**12)) as server, fetcher() as fetch:
        with pytest.raises(FetchedTooLargeError):
            await fetch.fetch(server.url())


async def test_a_body_without_end_is_cut() -> None:
    sent = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + bytes(65_536) + b"\r\n")
            sent += 65_536
            await writer.drain()

    async with peer(endless) as server, fetcher() as fetch:
        with pytest.raises(FetchedTooLargeError):
            await fetch.fetch(server.url(), limit=1_000_000)
    assert sent < 20_000_000


async def test_a_packed_body_is_refused() -> None:
    async with peer(says(b"x", content_encoding="gzip")) as server, fetcher() as fetch:
        with pytest.raises(FetchFailedError, match="packed"):
            await fetch.fetch(server.url())


async def test_a_slow_body_is_given_up() -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with peer(drip) as server, fetcher(timeout=0.5) as fetch:
        with pytest.raises(FetchTimeoutError):
            await fetch.fetch(server.url())


async def test_a_slow_head_is_given_up() -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"x: y\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with peer(drip) as server, fetcher(timeout=0.5) as fetch:
        with pytest.raises(FetchTimeoutError):
            await fetch.fetch(server.url())


async def test_slow_redirects_are_one_fetch() -> None:
    async def slowly(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        await says(b"", "302 Found", location="/again")(writer)

    async with peer(slowly) as server, fetcher(timeout=0.5) as fetch:
        with pytest.raises(FetchTimeoutError):
            await fetch.fetch(server.url())


@pytest.mark.parametrize("status", ["404 Not Found", "500 Broken", "206 Partial"])
async def test_a_failure_is_told(status: str) -> None:
    async with peer(says(b"", status)) as server, fetcher() as fetch:
        with pytest.raises(FetchFailedError, match=status[:3]):
            await fetch.fetch(server.url())


async def test_what_is_not_http_is_told() -> None:
    async def other(writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")

    async with peer(other) as server, fetcher() as fetch:
        with pytest.raises(FetchFailedError, match="HTTP"):
            await fetch.fetch(server.url())


async def test_nobody_there_is_told() -> None:
    async with peer(says()) as server:
        url = server.url()
    async with fetcher() as fetch:
        with pytest.raises(FetchFailedError, match="reached"):
            await fetch.fetch(url)


async def test_cookies_are_not_kept() -> None:
    async with peer(says(set_cookie="a=b; Path=/")) as server, fetcher() as fetch:
        await fetch.fetch(server.url())
        await fetch.fetch(server.url())
    assert b"cookie" not in server.heads[1].lower()


async def test_a_post_follows_no_redirect() -> None:
    async with (
        peer(says()) as target,
        peer(says(b"", "307 Temporary", location=target.url())) as server,
        fetcher() as fetch,
    ):
        assert await fetch.post(server.url(), b"{}", {"webhook-id": "msg_1"}) == 307
    assert target.connections == 0
    assert b"webhook-id: msg_1" in server.heads[0].lower()


async def test_a_post_goes_to_no_private_address() -> None:
    async with peer(says(), THERE) as server, fetcher() as fetch:
        with pytest.raises(ForbiddenAddressError):
            await fetch.post(server.url(), b"{}", {})
    assert server.connections == 0


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def contexts(authority: trustme.CA, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of a server that is called `name`, and of a client that trusts its authority."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


async def test_tls_verifies_the_name_not_the_address(authority: trustme.CA) -> None:
    server, client = contexts(authority, "media.test")
    async with peer(says(), HERE, server) as target, fetcher([HERE], context=client) as fetch:
        found = await fetch.fetch(target.url(scheme="https", host="media.test"))
        assert found.data == b"hello"
        with pytest.raises(FetchFailedError, match="certificate"):
            await fetch.fetch(target.url(scheme="https", host="other.test"))


async def test_an_unknown_authority_is_refused(authority: trustme.CA) -> None:
    server, _ = contexts(authority, "media.test")
    async with peer(says(), HERE, server) as target, fetcher([HERE]) as fetch:
        with pytest.raises(FetchFailedError, match="certificate"):
            await fetch.fetch(target.url(scheme="https", host="media.test"))
