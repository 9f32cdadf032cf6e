"""The secret that is an API key: how it is made, and what of it is kept."""

import hashlib
import secrets
import string

PREFIX = "stw-"
LENGTH = 48
_ALPHABET = string.ascii_letters + string.digits


def new_secret() -> str:
    """`stw-` and 48 characters of chance (285 bits)."""
    return PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(LENGTH))


def digest(secret: str) -> bytes:
    """SHA-256. A plain digest is enough: the secret is chance, there is nothing to guess."""
    return hashlib.sha256(secret.encode()).digest()


def shown_prefix(secret: str) -> str:
    return secret[: len(PREFIX) + 4]


def shown_end(secret: str) -> str:
    return secret[-4:]
