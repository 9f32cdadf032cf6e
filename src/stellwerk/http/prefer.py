"""`Prefer` (RFC 7240) and `Priority` (RFC 9218): how a caller wants to be served."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from stellwerk.base.errors import InvalidRequestError

RawHeaders = Iterable[tuple[bytes, bytes]]

_WAIT = re.compile(r"\d{1,6}", re.ASCII)
_URGENCY = re.compile(r"(?:^|,)\s*u=(\d)\s*(?:$|[,;])", re.ASCII)
MOST, NORMAL = 7, 3


@dataclass(frozen=True, slots=True)
class Preference:
    """`wait`: seconds to be kept waiting before an answer "accepted"; None: until it is done."""

    wait: int | None
    applied: str | None


def values(headers: RawHeaders, name: bytes) -> list[str]:
    """All values of a header, which may come more than once and hold several each."""
    found = b",".join(value for header, value in headers if header == name).decode("latin-1")
    return [part.strip() for part in found.split(",") if part.strip()]


def value(headers: RawHeaders, name: bytes) -> str | None:
    """The one value of a header, if it was sent and is not empty."""
    found = [text for header, text in headers if header == name]
    return (found[0].decode("latin-1").strip() or None) if found else None


def preference(headers: RawHeaders) -> Preference:
    """`respond-async` and `wait=N`; preferences that are unknown are to be ignored."""
    wait: int | None = None
    applied: list[str] = []
    for text in values(headers, b"prefer"):
        name, _, given = (part.strip() for part in text.partition("="))
        if name.lower() == "respond-async":
            wait = wait or 0
            applied.append("respond-async")
        elif name.lower() == "wait" and _WAIT.fullmatch(given.strip('"')):
            wait = int(given.strip('"'))
            applied.append(f"wait={wait}")
    return Preference(wait, ", ".join(applied) or None)


def urgency(headers: RawHeaders, usual: int = NORMAL) -> int:
    """The `u` of `Priority: u=0..7`; `usual` without one. Raises `InvalidRequestError`."""
    given = value(headers, b"priority")
    if given is None:
        return usual
    found = _URGENCY.search(given)
    if found is None or int(found[1]) > MOST:
        if "u=" in given:
            raise InvalidRequestError(
                f"`Priority: {given}`: write u=0 (most urgent) to u=7.", param="Priority"
            )
        return usual
    return int(found[1])
