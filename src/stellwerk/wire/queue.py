"""A queued request as its caller sees it."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from stellwerk.wire.errors import ErrorDetail

Status = Literal["queued", "running", "cancelling", "completed", "failed", "cancelled"]


class WebhookObject(msgspec.Struct, kw_only=True):
    """How the call of a webhook stands. Times are Unix seconds."""

    url: Annotated[str, Meta(description="Where it goes.")]
    status: Annotated[
        Literal["waiting", "delivered", "failed"],
        Meta(description="`waiting`: for the request's end, or for the next attempt."),
    ] = "waiting"
    attempts: Annotated[int, Meta(description="How often it was tried.")] = 0
    next_attempt_at: Annotated[int | None, Meta(description="When it is tried next.")] = None
    ended_at: Annotated[int | None, Meta(description="When it was delivered or given up.")] = None
    http_status: Annotated[int | None, Meta(description="What was answered last.")] = None
    error: Annotated[str | None, Meta(description="Why there was no answer.")] = None


class RequestObject(msgspec.Struct, kw_only=True):
    """A request in the queue. Times are Unix seconds."""

    id: Annotated[str, Meta(description="Identifier.")]
    object: Literal["queue.request"] = "queue.request"
    operation: Annotated[str, Meta(description="The verb, such as `chat.completions`.")]
    model: Annotated[str, Meta(description="The model's id.")]
    status: Annotated[Status, Meta(description="Where it is.")]
    priority: Annotated[int, Meta(description="0 (most urgent) to 7, as RFC 9218 counts.")]
    stream: Annotated[bool, Meta(description="Whether its answer is a stream of events.")]
    attempts: Annotated[int, Meta(description="How often it was begun.")]
    created_at: Annotated[int, Meta(description="When it was put in.")]
    started_at: Annotated[int | None, Meta(description="When it was begun the last time.")] = None
    finished_at: Annotated[int | None, Meta(description="When it ended.")] = None
    not_before: Annotated[
        int | None, Meta(description="When it is tried next, if it met a limit or a failure.")
    ] = None
    expires_at: Annotated[int | None, Meta(description="When it is deleted.")] = None
    position: Annotated[
        int | None, Meta(description="Requests that go before it; null if it does not wait.")
    ] = None
    estimated_seconds: Annotated[
        float | None,
        Meta(description="When it may end, by how long your last requests took; null: unknown."),
    ] = None
    progress: Annotated[
        float | None,
        Meta(
            description="Share of the work that is done, from 0 to 1; null while it is unknown. "
            "Transcriptions tell it, of files that tell their length."
        ),
    ] = None
    http_status: Annotated[int | None, Meta(description="Status of its answer.")] = None
    error: Annotated[ErrorDetail | None, Meta(description="Why it failed.")] = None
    webhook: Annotated[
        WebhookObject | None, Meta(description="The webhook that `X-Queue-Webhook` named.")
    ] = None


class RequestList(msgspec.Struct, kw_only=True):
    """A page of requests, the newest first."""

    object: Literal["list"] = "list"
    data: Annotated[list[RequestObject], Meta(description="The requests.")]
    first_id: Annotated[str | None, Meta(description="Id of the first of them.")] = None
    last_id: Annotated[str | None, Meta(description="The last id: `after` of the next page.")] = (
        None
    )
    has_more: Annotated[bool, Meta(description="Whether there is a next page.")] = False


class RequestDeleted(msgspec.Struct, kw_only=True):
    """A request that is gone, with its answer."""

    id: str
    object: Literal["queue.request.deleted"] = "queue.request.deleted"
    deleted: bool = True
