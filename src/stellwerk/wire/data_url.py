"""Data URLs: a file within a text (RFC 2397), here always in base64."""

import binascii
import re
from urllib.parse import unquote

HEAD = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
SPACE = re.compile(r"\s+")


def is_data(url: str) -> bool:
    return url[:5].lower() == "data:"


def data_in(url: str) -> bytes:
    """The bytes of the file. Raises `ValueError` that says what is wrong, for a message."""
    head = HEAD.match(url)
    if head is None:
        raise ValueError("must begin as data URLs with base64 do: `data:image/png;base64,`")
    try:
        return _decoded(url[head.end() :])
    except ValueError as error:
        raise ValueError(f"is not base64: {error}") from error


def _decoded(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        # Some tools break the lines, and some write `+` as `%2B`, as other URLs must.
        text = SPACE.sub("", unquote(text) if "%" in text else text)
        return binascii.a2b_base64(text, strict_mode=True)
