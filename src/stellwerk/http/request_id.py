"""`x-request-id`: the client's own where it is safe to repeat, else a new one."""

import re

from stellwerk.base.ids import new_id
from stellwerk.http.credentials import RawHeaders

HEADER = b"x-request-id"
_SAFE = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


def is_safe(given: bytes) -> bool:
    return _SAFE.fullmatch(given) is not None


def request_id(headers: RawHeaders) -> str:
    for name, value in headers:
        if name == HEADER and is_safe(value):
            return value.decode()
    return new_id("req_")
