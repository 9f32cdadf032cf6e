"""Identifiers: a prefix that names the noun and a UUID of version 7, so they sort by time."""

from random import getrandbits
from time import time_ns
from uuid import UUID


def uuid7() -> UUID:
    """A UUID of version 7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then chance."""
    return UUID(_uuid7())


def new_id(prefix: str) -> str:
    """`new_id("req_")` -> `req_` and 32 hexadecimal digits."""
    return prefix + _uuid7()


def _uuid7() -> str:
    # No secret: the generator of `random` is seeded anew in each process, and needs no system call.
    # In two numbers, because those of more than 63 bits cost twice as much.
    milliseconds, low = time_ns() // 1_000_000, getrandbits(62) | 0x8000_0000_0000_0000
    return f"{milliseconds:012x}7{getrandbits(12):03x}{low:016x}"
