"""What a model answers instead of vectors that can be kept."""

import msgspec
import pytest

from stellwerk.operations.embed import _read
from stellwerk.upstreams.failures import UpstreamError


def body(*vectors: object) -> bytes:
    data = [
        {"object": "embedding", "index": place, "embedding": vector}
        for place, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return msgspec.json.encode({"object": "list", "data": data, "model": "m", "usage": usage})


def test_vectors() -> None:
    assert _read(body([1.0, 2.0], [3.0, -65_504.0]), 2, "m").tolist() == [[1, 2], [3, -65_504]]


@pytest.mark.parametrize(
    "told",
    [
        body([1.0]),
        body([1.0], [1.0, 2.0]),
        body([], []),
        body([65_505.0], [1.0]),
        body([1e300], [1.0]),
        body([0.0] * 16_001, [0.0] * 16_001),
        body("AA==", "AA=="),
        b"{}",
    ],
    ids=["one of two", "two lengths", "empty", "too large", "endless", "too long", "half", "none"],
)
def test_what_are_no_vectors(told: bytes) -> None:
    with pytest.raises(UpstreamError):
        _read(told, 2, "m")
