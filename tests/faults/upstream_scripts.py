"""What an upstream can do wrong, one script each. The name of a script is that of its model."""

import asyncio
from collections.abc import Iterable

from tests.faults.upstream import Exchange, Script
from tests.scripted import EVENTS, chunk, whole

ANSWER = b'{"id":"c","object":"chat.completion","choices":[],"usage":{"prompt_tokens":1}}'
EVENT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"%d"}}]}\n\n'
DONE = b"data: [DONE]\n\n"
OTHER = b'{"id":"somebody else\'s"}'
BIG = b'{"id":"big","text":"%b","usage":{"prompt_tokens":1}}' % (b"x" * 2**22)
BIG_EVENT = b'data: {"id":"big","choices":[],"text":"%b"}\n\n' % (b"x" * 2**22)
FAILURE = b'{"error":{"message":"It is overloaded.","type":"server_error","code":"overloaded"}}'


def status(line: bytes, *headers: bytes) -> bytes:
    rest = b"".join(header + b"\r\n" for header in (*headers, b"content-type: application/json"))
    return b"HTTP/1.1 " + line + b"\r\n" + rest


def stream(count: int) -> bytes:
    return b"".join(EVENT % number for number in range(count)) + DONE


def writes(*pieces: bytes, pause: float = 0) -> Script:
    """Send the pieces, one write each, and leave the connection open for the next request."""

    async def script(exchange: Exchange) -> None:
        for piece in pieces:
            await exchange.send(piece)
            await asyncio.sleep(pause)

    return script


def ends(*pieces: bytes) -> Script:
    """Send the pieces and close the connection."""

    async def script(exchange: Exchange) -> None:
        await writes(*pieces)(exchange)
        await exchange.close()

    return script


def resets(*pieces: bytes) -> Script:
    """Send the pieces, wait until they are likely read, and reset the connection."""

    async def script(exchange: Exchange) -> None:
        await writes(*pieces)(exchange)
        await asyncio.sleep(0.1 if pieces else 0)
        exchange.reset()

    return script


def stalls(*pieces: bytes, pause: float = 0) -> Script:
    """Send the pieces and then nothing more, until the hub gives up."""

    async def script(exchange: Exchange) -> None:
        await writes(*pieces, pause=pause)(exchange)
        await exchange.until_hung_up()

    return script


def floods(first: bytes, again: bytes) -> Script:
    """Send `again` for as long as somebody reads."""

    async def script(exchange: Exchange) -> None:
        await exchange.send(first)
        while True:
            await exchange.send(again * 1000)

    return script


def first_and_then(first: Script, then: Script) -> Script:
    async def script(exchange: Exchange) -> None:
        await (first if exchange.number == 1 else then)(exchange)

    return script


async def closes_as_we_write(exchange: Exchange) -> None:
    """The second request finds a pooled connection that is closed before it is read."""
    await exchange.send(whole(ANSWER))
    if exchange.number == 1:
        await exchange.until_written_to()
        exchange.reset()


def single(data: bytes) -> Iterable[bytes]:
    return (data[place : place + 1] for place in range(len(data)))


TWO_LENGTHS = (b"content-length: 2", b"content-length: 9")
HALF = EVENTS + b"".join(chunk(EVENT % number) for number in range(3)) + chunk((EVENT % 3)[:40])
SPLIT = whole(ANSWER) + b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(OTHER), OTHER)

SCRIPTS: dict[str, Script] = {
    "good": writes(whole(ANSWER)),
    "good-stream": writes(EVENTS, chunk(stream(3)), chunk(b"")),
    "slow": writes(*(whole(ANSWER)[at : at + 40] for at in range(0, 240, 40)), pause=0.1),
    "by-the-byte": writes(*single(whole(ANSWER)), pause=0.0005),
    "early-hints": writes(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", whole(ANSWER)),
    "ends-by-close": ends(status(b"200 OK", b"connection: close") + b"\r\n" + ANSWER),
    "huge": writes(whole(BIG)),
    "stalls-before-head": stalls(),
    "stalls-in-head": stalls(b"HTTP/1.1 200 OK\r\ncontent-ty"),
    "stalls-in-body": stalls(whole(ANSWER)[:-9]),
    "closes-at-once": ends(),
    "closes-in-head": ends(b"HTTP/1.1 200 OK\r\ncontent-ty"),
    "closes-in-body": ends(whole(ANSWER)[:-9]),
    "resets-at-once": resets(),
    "resets-in-body": resets(whole(ANSWER)[:-9]),
    "garbage": stalls(b"\x16\x03\x01\x02\x00 this is no HTTP\r\n\r\n" * 9),
    "wrong-version": stalls(b"HTTP/9.9 200 OK\r\ncontent-length: 2\r\n\r\n{}"),
    "two-lengths": stalls(
        status(b"200 OK", b"content-length: 2", b"content-length: 9") + b"\r\n{}"
    ),
    "negative-length": stalls(status(b"200 OK", b"content-length: -2") + b"\r\n{}"),
    "broken-chunk": stalls(status(b"200 OK", b"transfer-encoding: chunked") + b"\r\nxyz\r\n{}"),
    "more-than-said": first_and_then(writes(SPLIT), writes(whole(ANSWER))),
    "endless-headers": floods(b"HTTP/1.1 200 OK\r\n", b"x-more: of the same\r\n"),
    "endless-header": floods(b"HTTP/1.1 200 OK\r\nx-long: ", b"more of the same "),
    "limited": writes(
        status(b"429 Too Many Requests", b"retry-after: 7", b"content-length: %d" % len(FAILURE))
        + b"\r\n"
        + FAILURE
    ),
    "redirects": writes(
        status(b"307 Temporary Redirect", b"location: /v1/elsewhere", b"content-length: 0")
        + b"\r\n"
    ),
    "fails-once": first_and_then(
        writes(whole(FAILURE, status(b"500 Internal Server Error"))), writes(whole(ANSWER))
    ),
    "closes-when-idle": ends(whole(ANSWER)),
    "closes-as-we-write": closes_as_we_write,
    "stream-by-the-byte": writes(EVENTS, *map(chunk, single(stream(3))), chunk(b"")),
    "stream-in-odd-writes": writes(*single(EVENTS + chunk(stream(2)) + chunk(b"")), pause=0.0005),
    "stream-huge": writes(EVENTS, chunk(BIG_EVENT + DONE), chunk(b"")),
    "stream-ends-by-close": ends(
        EVENTS.replace(b"transfer-encoding: chunked", b"connection: close") + stream(3)
    ),
    "stream-closes": ends(HALF),
    "stream-resets": resets(HALF),
    "stream-stalls": stalls(HALF),
    "stream-breaks": stalls(HALF, b"no size\r\n", pause=0.1),
    "stream-endless": floods(EVENTS, chunk(EVENT % 1)),
}
