"""Where a request carries its API key."""

from collections.abc import Iterable

RawHeaders = Iterable[tuple[bytes, bytes]]


def api_key(headers: RawHeaders) -> str | None:
    """The key in `Authorization: Bearer` or in `api-key`. Header names come in lower case.

    `Authorization` counts where both are sent: Azure's clients send an empty one at times.
    """
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in {b"authorization", b"api-key"}:
            found[name] = value
    scheme, _, token = found.get(b"authorization", b"").partition(b" ")
    key = token if scheme.lower() == b"bearer" else b""
    return (key.strip() or found.get(b"api-key", b"").strip()).decode("latin-1") or None
