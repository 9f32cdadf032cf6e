"""`traceparent`: the trace that a request belongs to (W3C Trace Context)."""

import re

from stellwerk.http.credentials import RawHeaders

HEADER = b"traceparent"
_VALID = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def trace_parent(headers: RawHeaders) -> str | None:
    """The caller's place in its trace; None where there is none that can be read."""
    for name, value in headers:
        if name == HEADER:
            return value.decode() if _VALID.fullmatch(value) else None
    return None
