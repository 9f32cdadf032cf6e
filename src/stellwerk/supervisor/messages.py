"""What hub processes and their parent say to each other about engines: lines of JSON.

A hub numbers its requests; a number names the lease, too, until the hub releases it.
"""

from typing import Any

import msgspec

from stellwerk.base.errors import InvalidRequestError, Kind, StellwerkError, UnavailableError
from stellwerk.ports.engines import Endpoint, Launch, Snapshot

_FAMILIES = {Kind.UNAVAILABLE: UnavailableError, Kind.INVALID: InvalidRequestError}


class Acquire(msgspec.Struct, tag=True, frozen=True):
    """Lease the engine of a launch."""

    number: int
    launch: Launch


class Release(msgspec.Struct, tag=True, frozen=True):
    """Give a lease back, or do not wait for it any longer. Has no answer."""

    number: int


class Inspect(msgspec.Struct, tag=True, frozen=True):
    """Tell what is loaded."""

    number: int


class Granted(msgspec.Struct, tag=True, frozen=True):
    number: int
    endpoint: Endpoint


class Inspected(msgspec.Struct, tag=True, frozen=True):
    number: int
    snapshot: Snapshot


class Refused(msgspec.Struct, tag=True, frozen=True):
    """A `StellwerkError`, taken apart."""

    number: int
    kind: str
    message: str
    param: str | None = None
    code: str | None = None
    retry_after: float | None = None

    @classmethod
    def of(cls, number: int, error: StellwerkError) -> "Refused":
        kind = error.kind.name
        return cls(number, kind, error.message, error.param, error.code, error.retry_after)

    def error(self) -> StellwerkError:
        kind = Kind[self.kind]
        return _FAMILIES.get(kind, StellwerkError)(
            self.message,
            kind=kind,
            param=self.param,
            code=self.code,
            retry_after=self.retry_after,
        )


Question = Acquire | Release | Inspect
Answer = Granted | Inspected | Refused

_QUESTION = msgspec.json.Decoder(Question)
_ANSWER = msgspec.json.Decoder(Answer)

# A launch has options of any size; asyncio's own limit for a line is 64 KiB.
LONGEST = 2**22


def line(message: Question | Answer) -> bytes:
    return msgspec.json.encode(message) + b"\n"


def question(text: bytes) -> Question:
    asked: Question = _QUESTION.decode(text)
    return asked


def answer(text: bytes) -> Answer:
    said: Answer = _ANSWER.decode(text)
    return said


def as_json(snapshot: Snapshot) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(snapshot)
    return built
