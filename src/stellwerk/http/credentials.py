"""Where a request carries its API key."""

from collections.abc import Iterable

HEADERS = {b"authorization", b"api-key"}

RawHeaders = Iterable[tuple[bytes, bytes]]


def api_key(headers: RawHeaders) -> str | None:
    """The key in `Authorization: Bearer` or in `api-key`. Header names come in lower case.

    `Authorization` counts where both are sent: Azure's clients send an empty one at times.
    """
    found = {name: value for name, value in headers if name in HEADERS}
    scheme, _, token = found.get(b"authorization", b"").partition(b" ")
    key = token if scheme.lower() == b"bearer" else b""
    return (key.strip() or found.get(b"api-key", b"").strip()).decode("latin-1") or None
