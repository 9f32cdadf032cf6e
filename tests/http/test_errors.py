import json

import pytest

from stellwerk.base.errors import Kind, StellwerkError
from stellwerk.http.errors import error_answer


def test_shape() -> None:
    status, headers, body = error_answer(
        StellwerkError("No.", kind=Kind.INVALID, param="model", code="bad")
    )
    assert status == 400
    assert dict(headers)[b"content-length"] == str(len(body)).encode()
    assert json.loads(body) == {
        "error": {
            "message": "No.",
            "type": "invalid_request_error",
            "param": "model",
            "code": "bad",
        },
        "detail": "No.",
    }


@pytest.mark.parametrize(
    ("error", "header"),
    [
        (StellwerkError("", kind=Kind.UNAUTHENTICATED), (b"www-authenticate", b"Bearer")),
        (StellwerkError("", kind=Kind.CONFLICT), (b"x-should-retry", b"false")),
        (StellwerkError("", kind=Kind.UNAVAILABLE, retry_after=1.2), (b"retry-after", b"2")),
    ],
)
def test_headers(error: StellwerkError, header: tuple[bytes, bytes]) -> None:
    assert header in error_answer(error)[1]
