"""A `StellwerkError` as an HTTP answer."""

import math

from stellwerk.base.errors import Kind, StellwerkError
from stellwerk.ports.sink import Headers
from stellwerk.wire.errors import error_json


def error_answer(error: StellwerkError) -> tuple[int, Headers, bytes]:
    """Status, headers and body."""
    body = error_json(error)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    headers.extend(error.headers)
    if error.kind is Kind.UNAUTHENTICATED:
        headers.append((b"www-authenticate", b"Bearer"))
    if error.kind is Kind.CONFLICT:
        # SDKs repeat a 409 unless they are told not to.
        headers.append((b"x-should-retry", b"false"))
    if error.retry_after is not None:
        headers.append((b"retry-after", str(math.ceil(error.retry_after)).encode()))
    return error.kind.status, headers, body
