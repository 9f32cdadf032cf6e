"""A request of the queue as the API shows it."""

from datetime import datetime

from stellwerk.features.queue.service import Queue
from stellwerk.features.queue.types import Request, Standing, State
from stellwerk.wire.queue import RequestObject, Status

WAITING = frozenset({State.QUEUED, State.DEFERRED})
SHOWN: dict[State, Status] = {
    State.QUEUED: "queued",
    State.DEFERRED: "queued",
    State.RUNNING: "running",
    State.CANCELLING: "cancelling",
    State.COMPLETED: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
}


async def shown(queue: Queue, request: Request) -> RequestObject:
    """With its place in the line while it waits, and its error when it failed."""
    made = brief(request)
    if request.state in WAITING:
        standing: Standing = await queue.standing(request)
        made.position, made.estimated_seconds = standing.before, standing.seconds
    if request.state in (State.FAILED, State.CANCELLED):
        made.error = await queue.error(request.id)
    return made


def brief(request: Request) -> RequestObject:
    return RequestObject(
        id=request.id,
        operation=request.operation,
        model=request.model,
        status=SHOWN[request.state],
        priority=request.urgency,
        stream=request.stream,
        attempts=request.attempts,
        created_at=int(request.created_at.timestamp()),
        started_at=_seconds(request.started_at),
        finished_at=_seconds(request.finished_at),
        not_before=_seconds(request.run_at) if request.state is State.DEFERRED else None,
        expires_at=_seconds(request.purge_at),
        http_status=request.status,
    )


def _seconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment else None
