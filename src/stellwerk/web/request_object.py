"""A request of the queue as the API shows it."""

from datetime import datetime
from typing import Literal

from stellwerk.features.queue.types import Request, Standing, State
from stellwerk.features.webhooks.types import Delivery
from stellwerk.web.hub import Queueing
from stellwerk.wire.queue import RequestObject, Status, WebhookObject

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


async def shown(queueing: Queueing, request: Request) -> RequestObject:
    """With its place in the line while it waits, its error when it failed, and its webhook."""
    made = brief(request)
    queue = queueing.queue
    if request.state in WAITING:
        standing: Standing = await queue.standing(request)
        made.position, made.estimated_seconds = standing.before, standing.seconds
    if request.state in (State.FAILED, State.CANCELLED):
        made.error = await queue.error(request.id)
    if request.webhook:
        made.webhook = told(request.webhook, await queueing.webhooks.of(request.id))
    return made


def told(url: str, delivery: Delivery | None) -> WebhookObject:
    """A webhook as the API shows it; without a delivery there was nothing to tell yet."""
    if delivery is None:
        return WebhookObject(url=url)
    ended: Literal["delivered", "failed"] = "delivered" if delivery.delivered else "failed"
    return WebhookObject(
        url=url,
        status="waiting" if delivery.ended_at is None else ended,
        attempts=delivery.attempts,
        next_attempt_at=_seconds(delivery.next_at),
        ended_at=_seconds(delivery.ended_at),
        http_status=delivery.status,
        error=delivery.error,
    )


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
        progress=_progress(request),
        http_status=request.status,
    )


def _progress(request: Request) -> float | None:
    """What has ended well is done, whatever was told last."""
    if request.state is State.COMPLETED:
        return 1
    return None if request.progress is None else round(request.progress, 3)


def _seconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment else None
