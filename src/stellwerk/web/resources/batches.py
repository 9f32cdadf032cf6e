"""`/batches`: files of requests that run on the queue."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from stellwerk.base.errors import InvalidRequestError
from stellwerk.features.batches.errors import NotForBatchesError
from stellwerk.features.batches.types import Batch, BatchList, NewBatch
from stellwerk.http.prefer import urgency
from stellwerk.operations.operation import Operation
from stellwerk.operations.registry import OPERATIONS
from stellwerk.web.auth import AnyHub, FilesCaller
from stellwerk.web.queued import WEBHOOK, webhook

PREFIXES = ("/v2", "/v1", "/v2/openai", "/v1/openai")
ENDPOINTS: dict[str, Operation] = {
    f"{prefix}{operation.path}": operation
    for operation in OPERATIONS
    if operation.batchable
    for prefix in ("/v1", "/v2")
}
# Behind whatever callers wait for, unless `Priority` says otherwise.
URGENCY = 5


def router(prefix: str) -> APIRouter:
    routes = APIRouter(
        prefix=prefix + "/batches", tags=["Batches"], include_in_schema=prefix == "/v2"
    )
    routes.post("", summary="Make a batch")(create)
    routes.get("", summary="List batches")(list_batches)
    routes.get("/{batch_id}", summary="Retrieve a batch")(retrieve)
    routes.post("/{batch_id}/cancel", summary="Cancel a batch")(cancel)
    return routes


async def create(new: NewBatch, request: Request, hub: AnyHub, caller: FilesCaller) -> Batch:
    """Its lines run on the queue with the key's rights and limits, within 24 hours."""
    operation = ENDPOINTS.get(new.endpoint)
    if operation is None:
        raise NotForBatchesError(
            f"`endpoint`: {new.endpoint!r} cannot be run in batches. Use one of: "
            f"{', '.join(name for name in ENDPOINTS if name.startswith('/v1'))}.",
            param="endpoint",
        )
    caller.require(operation.scope)
    headers = request.scope["headers"]
    url = webhook(headers)
    if url is not None:
        await hub.queueing.webhooks.require_secret(caller.project_id, WEBHOOK)
    return await hub.queueing.batches.create(
        caller, new, operation.name, urgency=urgency(headers, URGENCY), webhook=url
    )


async def list_batches(
    hub: AnyHub,
    caller: FilesCaller,
    after: Annotated[str | None, Query(description="The last id of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="Most batches of a page.")] = 20,
) -> BatchList:
    """Those of the key's project, the newest first."""
    if after is not None and not after.isprintable():
        raise InvalidRequestError("`after` is not the id of a batch.", param="after")
    return await hub.queueing.batches.page(caller.project_id, after=after, limit=limit)


async def retrieve(batch_id: str, hub: AnyHub, caller: FilesCaller) -> Batch:
    """How it stands. Its files are there when it has ended."""
    return await hub.queueing.batches.get(caller.project_id, batch_id)


async def cancel(batch_id: str, hub: AnyHub, caller: FilesCaller) -> Batch:
    """What waits is not run any more, and what runs is ended; what has ended can be read."""
    return await hub.queueing.batches.cancel(caller.project_id, batch_id)
