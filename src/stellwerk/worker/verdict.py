"""What becomes of a request whose attempt failed."""

import random
from dataclasses import dataclass

from stellwerk.base.errors import Kind, StellwerkError
from stellwerk.features.keys.errors import KeyRefusedError
from stellwerk.features.queue.errors import NotYetError
from stellwerk.features.queue.types import Answer, Job, Outcome, State
from stellwerk.wire.errors import error_json

# Failures of a moment. All others would come again.
PASSING = frozenset({Kind.UPSTREAM, Kind.UNAVAILABLE, Kind.TIMEOUT, Kind.RATE_LIMITED})
LIMITED = 429
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
# Budgets are raised, and servers elsewhere say what they like.
LONGEST_REST = 3600.0


@dataclass(frozen=True, slots=True)
class Again:
    """The request runs again after `delay` seconds. Without `counts`, there was no attempt."""

    delay: float
    counts: bool


def verdict(job: Job, error: StellwerkError) -> Again | Outcome:
    """What becomes of it.

    A limit puts off, and so does another request that is waited for; a passing failure is tried
    again, a key that is gone cancels.
    """
    if isinstance(error, NotYetError):
        return Again(error.pause, counts=False)
    if error.kind.status == LIMITED and error.retry_after is not None:
        return Again(min(error.retry_after, LONGEST_REST), counts=False)
    if error.kind in PASSING and job.attempts < job.max_attempts:
        return Again(max(_pause(job.attempts), error.retry_after or 0), counts=True)
    state = State.CANCELLED if isinstance(error, KeyRefusedError) else State.FAILED
    return failed(job, error, state)


def failed(job: Job, error: StellwerkError, state: State = State.FAILED) -> Outcome:
    answer = Answer(error.kind.status, "application/json", error_json(error))
    return Outcome(job.id, job.fence, state, answer)


def broken(job: Job) -> Outcome:
    """It failed for a reason that is ours, and is in the log."""
    told = f"Something went wrong here; the log tells more under {job.id}."
    return failed(job, StellwerkError(told, kind=Kind.INTERNAL))


def _pause(attempts: int) -> float:
    """Seconds: 1, 4, 16, ... give or take a half, so that those that failed together part."""
    longest = min(FIRST_PAUSE * 4.0 ** (attempts - 1), LONGEST_PAUSE)
    return longest * random.uniform(0.5, 1.5)  # noqa: S311 - nothing is guarded by it
