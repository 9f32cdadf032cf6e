"""Pictures in answers: counted, whatever their size and wherever the pieces end."""

import json

import pytest

from stellwerk.upstreams.painted import PaintedReader, painted
from stellwerk.upstreams.reading import Tokens

USAGE = {"input_tokens": 7, "output_tokens": 4160, "total_tokens": 4167}


def event(name: str, picture: str, end: str = "\n", **more: object) -> bytes:
    data = json.dumps({"type": name, "b64_json": picture, **more})
    return f"event: {name}{end}data: {data}{end}{end}".encode()


def read(stream: bytes, step: int) -> Tokens:
    tokens = Tokens()
    reader = PaintedReader(tokens)
    pieces = [reader.feed(stream[at : at + step]) for at in range(0, len(stream), step)]
    assert b"".join(pieces) + reader.rest() == stream
    return tokens


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("step", [1, 7, 1000, 10**6])
def test_pictures_and_usage_are_counted(step: int, end: str) -> None:
    stream = b"".join(
        (
            event("image_generation.partial_image", "iVBORw0KGgo" * 40, end),
            event("image_generation.completed", "iVBORw0KGgo" * 40, end),
            event("image_edit.completed", "iVBORw0/Ggo=", end, usage=USAGE),
            event("image_generation.completed", "cut")[:-2],
        )
    )
    tokens = read(stream, step)
    assert (tokens.images, tokens.known) == (2, True)
    assert (tokens.prompt, tokens.completion) == (7, 4160)


@pytest.mark.parametrize("slash", ["/", "\\/"])
def test_megabytes_are_not_kept(slash: str) -> None:
    picture = f"abc{slash}0123456789+" * 400_000
    data = '{"type":"image_generation.completed","b64_json":"%s","usage":{"input_tokens":7}}'
    tokens = read(f"data: {data % picture}\n\n".encode(), 65_536)
    assert (tokens.images, tokens.prompt) == (1, 7)


def test_what_is_no_event() -> None:
    tokens = read(b"data: [DONE]\n\ndata: \xff\n\n" + b"x " * 2**21, 65_536)
    assert (tokens.images, tokens.known) == (0, False)


def test_pictures_of_an_answer() -> None:
    assert painted(b'{"created":1,"data":[{"b64_json":"eA=="},{"url":"http://a/b"}]}') == 2
    assert painted(b'{"data":[]}') == 0
    for body in (b"", b"{}", b'{"data":3}', b"\xff"):
        assert painted(body) is None
