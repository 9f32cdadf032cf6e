"""A request on its way: as it is put in, as a worker gets it, and as its caller sees it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from stellwerk.base.ids import new_id

NORMAL, LEAST_URGENT = 3, 7


class State(StrEnum):
    """Where a request is. A deferred one waits for its time, a cancelling one for its engine."""

    QUEUED = "queued"
    DEFERRED = "deferred"
    RUNNING = "running"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in FINAL


FINAL = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED})


def new_request_id() -> str:
    return new_id("req_")


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A request to be put into the line.

    `held`: a caller waits on a connection. `digest` is over what was asked, so that the repetition
    of a held request finds it again. `retention` is the number of seconds for which it is kept
    when it has ended.
    """

    key_id: str
    project_id: str
    operation: str
    model: str
    body: bytes
    content_type: str = "application/json"
    stream: bool = False
    urgency: int = NORMAL
    held: bool = False
    digest: bytes | None = None
    idempotency_key: str | None = None
    webhook: str | None = None
    batch_id: str | None = None
    retention: int = 86_400
    max_attempts: int = 3
    id: str = field(default_factory=new_request_id)


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed request. Only who names its `fence` may write of it."""

    id: str
    fence: int
    attempts: int
    max_attempts: int
    key_id: str
    operation: str
    model: str
    body: bytes
    content_type: str
    stream: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request came to: an HTTP status, and a body of a type."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of an attempt that ends the request. A cancelled one has an answer that says so."""

    id: str
    fence: int
    state: State
    answer: Answer


@dataclass(frozen=True, slots=True)
class Request:
    """A request as its caller may see it, without body and answer."""

    id: str
    operation: str
    model: str
    state: State
    urgency: int
    stream: bool
    attempts: int
    fence: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    run_at: datetime | None
    purge_at: datetime | None
    status: int | None
    webhook: str | None
    progress: float | None


@dataclass(frozen=True, slots=True)
class Events:
    """Events of one attempt, numbered from `first` to `last`, as bytes that hold their ids."""

    fence: int
    first: int
    last: int
    data: bytes

    def after(self, number: int) -> bytes:
        """Those that come after the one with this number."""
        if number < self.first:
            return self.data
        mark = b"id: %d-%d\n" % (self.fence, number + 1)
        start = self.data.find(mark)
        return self.data[start:] if start >= 0 else b""


@dataclass(frozen=True, slots=True)
class Standing:
    """How many requests are before one, and when it may end (seconds from now; None: unknown)."""

    before: int
    seconds: float | None
