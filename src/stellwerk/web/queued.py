"""The verbs below `/queue`: a call becomes a request of the queue, and its caller may wait."""

import hashlib
from dataclasses import dataclass

import msgspec
from starlette.types import Receive, Scope, Send

from stellwerk.base.errors import InvalidRequestError, Kind, StellwerkError
from stellwerk.base.log import get_logger
from stellwerk.features.queue.types import NewRequest
from stellwerk.features.queue.waiting import Watch
from stellwerk.fetch.url import checked
from stellwerk.http.errors import error_answer
from stellwerk.http.prefer import Preference, RawHeaders, preference, urgency, value
from stellwerk.operations import form
from stellwerk.operations.operation import Call, Operation
from stellwerk.ports.sink import Headers
from stellwerk.upstreams.reading import UNREADABLE
from stellwerk.web.held import PLACE, Holding
from stellwerk.web.hub import Hub
from stellwerk.web.verbs import AsgiSink, ClientGoneError, call_of, unless_gone

log = get_logger("web")

RETRY = b"x-stainless-retry-count"
RETENTION = b"x-queue-retention"
WEBHOOK = "X-Queue-Webhook"
LONGEST_KEY = 255


class HeldTooLongError(StellwerkError):
    """408: the request goes on; ask for its result, or repeat the call and wait on."""

    kind = Kind.HELD_TOO_LONG
    code = "still_running"


@dataclass(frozen=True, slots=True)
class QueuedEndpoint:
    """An ASGI application that puts one operation into the queue."""

    operation: Operation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hub: Hub = scope["app"].state.hub
        sink = AsgiSink(send)
        try:
            call = await call_of(self.operation, hub, scope, receive)
            queued = _Queued(hub, self.operation, call, scope["headers"])
            await unless_gone(queued.run(sink), receive)
        except StellwerkError as error:
            if sink.started:
                raise
            await _refuse(sink, error)
        except ClientGoneError:
            log.info("client gone; its request goes on", operation=self.operation.name)


async def _refuse(sink: AsgiSink, error: StellwerkError, more: Headers | None = None) -> None:
    status, headers, body = error_answer(error)
    await sink.head(status, [*headers, *(more or [])])
    await sink.data(body)
    await sink.end()


@dataclass(frozen=True, slots=True)
class _Queued:
    """One call on its way into the queue, and its answer on the way out."""

    hub: Hub
    operation: Operation
    call: Call
    headers: RawHeaders

    async def run(self, sink: AsgiSink) -> None:
        prefer = preference(self.headers)
        new = await self._new(held=prefer.wait is None)
        if new.webhook is not None:
            await self.hub.queueing.webhooks.require_secret(new.project_id, WEBHOOK)
        waiting = self.hub.queueing.waiting
        # Watched before it can have ended, so that no notification is missed.
        with waiting.watch(new.id) as watch:
            name = await self._put(new)
            if name == new.id:
                await self._wait(name, watch, prefer, sink)
                return
        with waiting.watch(name) as watch:
            watch.ring()
            await self._wait(name, watch, prefer, sink)

    async def _new(self, *, held: bool) -> NewRequest:
        """Raises `StellwerkError` for a call that would be refused at once if it ran."""
        model, asked = self.hub.runner.examine(self.operation, self.call)
        settings = self.hub.queueing.settings
        principal = self.call.principal
        stream = bool(asked.stream) and self.operation.event is not None
        return NewRequest(
            key_id=principal.key_id,
            project_id=principal.project_id,
            operation=self.operation.name,
            model=model.id,
            body=self.call.body,
            content_type=self.call.content_type.decode("latin-1"),
            stream=stream,
            urgency=urgency(self.headers),
            held=held,
            digest=await _digest(self.operation, self.call),
            idempotency_key=_idempotency_key(self.headers),
            webhook=webhook(self.headers),
            retention=_retention(self.headers, settings.retention),
            max_attempts=settings.attempts,
        )

    async def _put(self, new: NewRequest) -> str:
        """Put the request in; gives the id of an earlier one where this call repeats it."""
        queueing = self.hub.queueing
        if new.held and new.idempotency_key is None and new.digest and self._repeats():
            name = await queueing.queue.again(new.key_id, new.operation, new.digest)
            if name is not None:
                return name
        if new.idempotency_key is not None and (name := await queueing.queue.known(new)):
            return name
        await queueing.quota.take(new.key_id, len(new.body))
        return await queueing.queue.submit(new)

    def _repeats(self) -> bool:
        count = value(self.headers, RETRY)
        return count is not None and count.isdecimal() and int(count) > 0

    async def _wait(self, name: str, watch: Watch, prefer: Preference, sink: AsgiSink) -> None:
        holding = Holding(self.hub.queueing, self.call.principal.key_id, name, watch)
        limit = self.hub.queueing.settings.hold
        seconds = limit if prefer.wait is None else min(prefer.wait, limit)
        applied = [(b"preference-applied", prefer.applied.encode())] if prefer.applied else []
        if await holding.deliver(sink, seconds, applied):
            return
        if prefer.wait is not None:
            await holding.accepted(sink, applied)
            return
        place = PLACE.format(name=name)
        error = HeldTooLongError(
            f"The request is still {(await holding.request()).state}. It goes on: repeat the call "
            f"to wait on, or ask for {place}/result."
        )
        await _refuse(sink, error, [(b"x-should-retry", b"true"), (b"location", place.encode())])


async def _digest(operation: Operation, call: Call) -> bytes:
    """Over what the body says, not how it is written: the repetition may be written anew."""
    if operation.form:
        return await form.digest(call)
    try:
        plain = msgspec.json.encode(msgspec.json.decode(call.body), order="deterministic")
    except UNREADABLE:
        # A field that the verb takes no notice of may hold what nobody can read.
        plain = call.body
    return hashlib.sha256(plain).digest()


def _idempotency_key(headers: RawHeaders) -> str | None:
    key = value(headers, b"idempotency-key")
    if key is not None and (len(key) > LONGEST_KEY or not key.isprintable()):
        raise InvalidRequestError(
            f"`Idempotency-Key` may have up to {LONGEST_KEY} printable characters.",
            param="Idempotency-Key",
        )
    return key


def webhook(headers: RawHeaders) -> str | None:
    """The URL to be called at the end. Raises `InvalidUrlError`."""
    url = value(headers, WEBHOOK.lower().encode())
    if url is not None:
        checked(url, WEBHOOK)
    return url


def _retention(headers: RawHeaders, most: int) -> int:
    """Seconds for which the answer is kept; a caller may ask for fewer than the setting."""
    given = value(headers, RETENTION)
    if given is None:
        return most
    if not (given.isascii() and given.isdecimal() and len(given) < 10):
        raise InvalidRequestError(
            "`X-Queue-Retention` is a number of seconds; 0 deletes the answer at once.",
            param="X-Queue-Retention",
        )
    return min(int(given), most)
