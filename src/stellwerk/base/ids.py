"""Identifiers: a prefix that names the noun and a UUID of version 7, so they sort by time."""

from random import getrandbits
from time import time_ns
from uuid import UUID


def uuid7() -> UUID:
    """A UUID of version 7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then chance."""
    return UUID(int=_uuid7())


def new_id(prefix: str) -> str:
    """`new_id("req_")` -> `req_` and 32 hexadecimal digits."""
    return f"{prefix}{_uuid7():032x}"


def _uuid7() -> int:
    # No secret: the generator of `random` is seeded anew in each process, and needs no system call.
    chance = getrandbits(80)
    milliseconds = time_ns() // 1_000_000
    return (milliseconds << 80) | (chance & 0x0FFF_3FFF_FFFF_FFFF_FFFF) | 0x7000_8000_0000_0000_0000
