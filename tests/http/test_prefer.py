import pytest

from stellwerk.base.errors import InvalidRequestError
from stellwerk.http.prefer import preference, urgency


@pytest.mark.parametrize(
    ("given", "wait", "applied"),
    [
        (b"respond-async", 0, "respond-async"),
        (b"respond-async, wait=10", 10, "respond-async, wait=10"),
        (b"wait=10, Respond-Async", 10, "wait=10, respond-async"),
        (b'return=minimal, wait="5"', 5, "wait=5"),
        (b"handling=lenient, wait=soon", None, None),
        (b"", None, None),
    ],
)
def test_preferences(given: bytes, wait: int | None, applied: str | None) -> None:
    found = preference([(b"prefer", given)])
    assert (found.wait, found.applied) == (wait, applied)


def test_a_header_that_comes_twice() -> None:
    assert preference([(b"prefer", b"respond-async"), (b"prefer", b"wait=3")]).wait == 3


@pytest.mark.parametrize(
    ("given", "level"), [(b"u=0", 0), (b"u=7, i", 7), (b"i, u=5", 5), (b"i", 3)]
)
def test_urgency(given: bytes, level: int) -> None:
    assert urgency([(b"priority", given)]) == level


def test_no_header_is_normal() -> None:
    assert urgency([]) == 3


@pytest.mark.parametrize("given", [b"u=8", b"u=high", b"u=-1"])
def test_wrong_urgency(given: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        urgency([(b"priority", given)])
