import json

import pytest

from stellwerk.base.errors import Kind
from stellwerk.upstreams.failures import failure

ERROR = json.dumps({"error": {"message": "Too long.", "param": "messages", "code": 7}}).encode()


def test_an_error_of_the_request_keeps_its_words() -> None:
    error = failure(400, None, ERROR)
    assert (error.kind, error.message, error.param, error.code) == (
        Kind.INVALID,
        "Too long.",
        "messages",
        "7",
    )


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_of_our_key_is_not_repeated(status: int) -> None:
    error = failure(status, None, b'{"error":{"message":"Incorrect API key: sk-secret"}}')
    assert error.kind is Kind.UPSTREAM
    assert "sk-secret" not in error.message


def test_what_a_server_says_of_its_own_troubles_is_not_repeated() -> None:
    error = failure(500, None, b'{"error":{"message":"bad key sk-secret"}}')
    assert (error.kind, error.code) == (Kind.UPSTREAM, "upstream_error")
    assert "sk-secret" not in error.message


@pytest.mark.parametrize("body", [b"<html>Bad Gateway</html>", b"", b"\xff", b"[" * 100_000])
def test_what_is_no_error_object_becomes_one(body: bytes) -> None:
    error = failure(502, None, body)
    assert error.kind is Kind.UPSTREAM
    assert "502" in error.message


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("3", 3), (None, None), ("Wed, 21 Oct 2015 07:28:00 GMT", None), ("9" * 400, None)],
)
def test_retry_after(retry_after: str | None, seconds: float | None) -> None:
    error = failure(429, retry_after, ERROR)
    assert (error.kind, error.retry_after) == (Kind.RATE_LIMITED, seconds)


def test_a_redirect_is_no_success() -> None:
    assert failure(307, None, b"").kind is Kind.UPSTREAM
