"""Identifiers: a prefix that names the noun and a UUID of version 7, so they sort by time."""

import os
import time
from uuid import UUID


def uuid7() -> UUID:
    """A UUID of version 7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then chance."""
    return UUID(int=_uuid7())


def _uuid7() -> int:
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10))
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    return (value & ~(0x3 << 62)) | (0x2 << 62)


def new_id(prefix: str) -> str:
    """`new_id("req_")` -> `req_` and 32 hexadecimal digits."""
    return f"{prefix}{_uuid7():032x}"
