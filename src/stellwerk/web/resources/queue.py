"""`/queue/requests`: what was put into the queue, how it stands, and what came of it."""

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from stellwerk.base.errors import InvalidRequestError
from stellwerk.features.queue.errors import UnknownRequestError
from stellwerk.features.queue.following import EVENT_STREAM, Place
from stellwerk.features.queue.types import State
from stellwerk.features.queue.waiting import Watch
from stellwerk.web.auth import AnyHub, AnyPrincipal
from stellwerk.web.held import PLACE, Holding
from stellwerk.web.hub import Queueing
from stellwerk.web.json import StructResponse
from stellwerk.web.request_object import SHOWN, brief, shown
from stellwerk.web.verbs import AsgiSink, ClientGoneError, unless_gone
from stellwerk.wire.queue import RequestDeleted, RequestList

routes = APIRouter(prefix="/queue/requests", tags=["Queue"])

EVENTS = [(b"content-type", EVENT_STREAM.encode()), (b"cache-control", b"no-cache")]
STATES = {status: [s for s in State if SHOWN[s] == status] for status in SHOWN.values()}


@routes.get("", summary="List queued requests", response_class=StructResponse)
async def list_requests(
    hub: AnyHub,
    caller: AnyPrincipal,
    status: Annotated[str | None, Query(description="Only those in this state.")] = None,
    operation: Annotated[
        str | None, Query(description="Only those of this verb, such as `embeddings`.")
    ] = None,
    model: Annotated[str | None, Query(description="Only those for this model.")] = None,
    after: Annotated[str | None, Query(description="The last id of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="Length of the page.")] = 20,
) -> StructResponse:
    """The newest first; requests of other keys are not shown."""
    if status is not None and status not in STATES:
        raise InvalidRequestError(
            f"`status`: {status!r} is none. Use one of: {', '.join(STATES)}.", param="status"
        )
    found = await hub.queueing.queue.page(
        caller.key_id,
        states=STATES.get(status, ()) if status else (),
        operation=_plain(operation),
        model=_plain(model),
        after=_plain(after),
        limit=limit + 1,
    )
    data = [brief(request) for request in found[:limit]]
    page = RequestList(data=data, has_more=len(found) > limit)
    if data:
        page.first_id, page.last_id = data[0].id, data[-1].id
    return StructResponse(page)


@routes.get("/{request_id}", summary="Retrieve a queued request", response_class=StructResponse)
async def retrieve(request_id: str, hub: AnyHub, caller: AnyPrincipal) -> StructResponse:
    """Its state, its place in the line, its times, and its error if it has one."""
    request = await hub.queueing.queue.get(caller.key_id, _name(request_id))
    return StructResponse(await shown(hub.queueing, request))


@routes.post("/{request_id}/cancel", summary="Cancel a request", response_class=StructResponse)
async def cancel(request_id: str, hub: AnyHub, caller: AnyPrincipal) -> StructResponse:
    """One that waits ends at once; one that runs is `cancelling` until the model has let go."""
    request = await hub.queueing.queue.cancel(caller.key_id, _name(request_id))
    return StructResponse(await shown(hub.queueing, request))


@routes.delete("/{request_id}", summary="Delete a request", response_class=StructResponse)
async def delete(request_id: str, hub: AnyHub, caller: AnyPrincipal) -> StructResponse:
    """The request and its answer are gone at once. One that runs has to be cancelled first."""
    await hub.queueing.queue.delete(caller.key_id, _name(request_id))
    return StructResponse(RequestDeleted(id=request_id))


@routes.get("/{request_id}/result", summary="Wait for the answer", response_class=Response)
async def result(
    request_id: str,
    hub: AnyHub,
    caller: AnyPrincipal,
    wait: Annotated[float, Query(ge=0, description="Seconds to wait for it.")] = 0,
) -> Response:
    """The verb's own answer, with its status; 202 and the request while there is none."""
    queueing = hub.queueing
    await queueing.queue.get(caller.key_id, _name(request_id))
    seconds = min(wait, queueing.settings.hold)

    async def write(sink: AsgiSink, watch: Watch) -> None:
        holding = Holding(queueing, caller.key_id, request_id, watch)
        if not await holding.deliver(sink, seconds, []):
            await holding.accepted(sink, [(b"retry-after", b"1")])

    return Watched(queueing, request_id, write)


@routes.get("/{request_id}/events", summary="Read a stream on", response_class=Response)
async def events(
    request_id: str,
    hub: AnyHub,
    caller: AnyPrincipal,
    after: Annotated[str | None, Query(description="Id of the last event you have.")] = None,
    last_event_id: Annotated[str | None, Header(description="The same, as browsers do.")] = None,
) -> Response:
    """The events of a request with `stream: true`: those stored, then the others as they come."""
    queueing = hub.queueing
    request = await queueing.queue.get(caller.key_id, _name(request_id))
    place = Place.read(after or last_event_id, "after" if after else "Last-Event-ID")
    if not request.stream:
        raise InvalidRequestError(
            f"The request {request_id} has no events: it was sent without `stream: true`. Its "
            f"answer is at {PLACE.format(name=request_id)}/result."
        )

    async def write(sink: AsgiSink, watch: Watch) -> None:
        holding = Holding(queueing, caller.key_id, request_id, watch)
        await sink.head(200, EVENTS)
        async for chunk in holding.events(place):
            await sink.data(chunk)
        await sink.end()

    return Watched(queueing, request_id, write)


Write = Callable[[AsgiSink, Watch], Coroutine[Any, Any, None]]


class Watched(Response):
    """An answer that waits for news of a request, until its reader hangs up."""

    def __init__(self, queueing: Queueing, name: str, write: Write) -> None:
        super().__init__()
        self._queueing = queueing
        self._name = name
        self._write = write

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        with self._queueing.waiting.watch(self._name) as watch:
            work = self._write(AsgiSink(send), watch)
            with suppress(ClientGoneError):
                await unless_gone(work, receive)


def _name(request_id: str) -> str:
    """PostgreSQL takes no NUL, and no request is called so."""
    if not request_id.isprintable():
        raise UnknownRequestError(request_id)
    return request_id


def _plain(text: str | None) -> str | None:
    if text is not None and not text.isprintable():
        raise InvalidRequestError("A filter has only printable characters.")
    return text
