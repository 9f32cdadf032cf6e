"""Whole chunks without a parser: what it takes is what a parser reads."""

from random import Random

import httptools
import pytest

from stellwerk.wire.chunks import content_of

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes, size: str = "x") -> bytes:
    return f"{len(data):{size}}".encode() + b"\r\n" + data + b"\r\n"


@pytest.mark.parametrize(
    ("data", "content"),
    [
        (chunk(b"data: 1\n\n"), b"data: 1\n\n"),
        (chunk(b"a") + chunk(b"\r\n") + chunk(b"b" * 300), b"a\r\n" + b"b" * 300),
        (chunk(b"x" * 171, "X"), b"x" * 171),
        (chunk(b"x", "08x"), b"x"),
    ],
)
def test_whole_chunks(data: bytes, content: bytes) -> None:
    assert content_of(data) == content


@pytest.mark.parametrize(
    "data",
    [
        chunk(b""),
        chunk(b"a") + chunk(b""),
        chunk(b"abc")[:-1],
        chunk(b"abc")[:-2],
        chunk(b"abc") + b"3",
        b"3\r",
        b"3;x=1\r\nabc\r\n",
        b"+3\r\nabc\r\n",
        b" 3\r\nabc\r\n",
        b"0x3\r\nabc\r\n",
        b"1_0\r\n0123456789abcdef\r\n",
        b"-1\r\n\r\n",
        b"g\r\nabc\r\n",
        b"\r\nabc\r\n",
        b"3\nabc\r\n",
        b"3\r\nabcd\r\n",
        b"3\r\nabc\n\n",
    ],
)
def test_everything_else_is_the_parser_s(data: bytes) -> None:
    assert content_of(data) is None


class Bodies:
    """What a parser says a body holds."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def on_body(self, body: bytes) -> None:
        self.pieces.append(body)


def test_a_parser_agrees() -> None:
    chance = Random(3)
    for _ in range(500):
        pieces = [chance.randbytes(chance.randint(1, 40)) for _ in range(chance.randint(1, 4))]
        data = bytearray(b"".join(map(chunk, pieces)))
        if chance.random() < 0.7:
            data[chance.randrange(len(data))] = chance.randrange(256)
        taken = content_of(bytes(data))
        if taken is not None:
            heard = Bodies()
            httptools.HttpResponseParser(heard).feed_data(HEAD + bytes(data))
            assert b"".join(heard.pieces) == taken
