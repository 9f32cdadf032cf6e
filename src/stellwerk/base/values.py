"""What people write and all of Stellwerk must be able to keep, show and send on.

PostgreSQL takes no NUL, UTF-8 no lone surrogate, and JSON no infinity; a name with a line break
breaks every listing.
"""

import json
import math
from typing import Annotated, Any

from pydantic import AfterValidator, Field

LARGEST_OPTIONS = 64 * 2**10
DEEPEST_OPTIONS = 32


def printable(text: str) -> str:
    """Raises `ValueError` for characters that cannot be shown on one line."""
    if not text.isprintable():
        raise ValueError("only printable characters")
    return text


Line = Annotated[str, Field(max_length=200), AfterValidator(printable)]
LongLine = Annotated[str, Field(max_length=4000), AfterValidator(printable)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]


def plain_options(options: dict[str, Any]) -> dict[str, Any]:
    """Raises `ValueError` for what is no JSON, or more of it than settings need."""
    _check(options, 0)
    if len(json.dumps(options)) > LARGEST_OPTIONS:
        raise ValueError(f"more than {LARGEST_OPTIONS // 1024} KiB")
    return options


EngineOptions = Annotated[dict[str, Any], AfterValidator(plain_options)]


def _check(value: Any, depth: int) -> None:
    if depth > DEEPEST_OPTIONS:
        raise ValueError(f"nested more than {DEEPEST_OPTIONS} levels deep")
    match value:
        case dict():
            for name, inner in value.items():
                _check(name, depth)
                _check(inner, depth + 1)
        case list() | tuple():
            for inner in value:
                _check(inner, depth + 1)
        case _:
            _check_scalar(value)


def _check_scalar(value: Any) -> None:
    match value:
        case None | bool():
            pass
        case str():
            if "\0" in value or not _encodable(value):
                raise ValueError("text with a NUL or half of a surrogate pair")
        case int():
            if not -(2**63) <= value < 2**63:
                raise ValueError("a whole number of more than 64 bits")
        case float():
            if not math.isfinite(value):
                raise ValueError("a number that is not finite")
        case _:
            raise ValueError(f"a {type(value).__name__}, which JSON does not have")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
