"""Signatures after the Standard Webhooks specification (1.0.0), symmetric scheme `v1`.

What is signed: `ID.TIMESTAMP.BODY`, by HMAC-SHA256; the secret is `whsec_` and base64 of its bytes.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
# The specification takes 24 to 64.
LENGTH = 32


def new_secret() -> bytes:
    return secrets.token_bytes(LENGTH)


def shown(secret: bytes) -> str:
    return PREFIX + base64.b64encode(secret).decode()


def headers(name: str, timestamp: int, body: bytes, given: Sequence[bytes]) -> dict[str, str]:
    """The three headers. With several secrets, each signs: a receiver knows one of them."""
    content = f"{name}.{timestamp}.".encode() + body
    signatures = (hmac.digest(secret, content, hashlib.sha256) for secret in given)
    return {
        "webhook-id": name,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(
            f"v1,{base64.b64encode(signature).decode()}" for signature in signatures
        ),
    }
