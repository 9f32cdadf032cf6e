"""One call on its way: a target is chosen, its answer passed on, and what it took is settled."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from stellwerk.base.errors import Kind, StellwerkError, UnavailableError
from stellwerk.base.log import get_logger
from stellwerk.features.limits.gate import Permit
from stellwerk.operations import form
from stellwerk.operations.body import Fields, Outline, addressed
from stellwerk.operations.meter import BYTES_A_TOKEN, Meter
from stellwerk.operations.metrics import CLIENT_GONE
from stellwerk.operations.operation import Call, Operation
from stellwerk.operations.sight.sight import Bodies, Looking
from stellwerk.ports.sink import Head, Outlet
from stellwerk.upstreams.exchange import UNSENT, Exchange, Failure
from stellwerk.upstreams.failures import CREDENTIALS, UpstreamError, failure
from stellwerk.upstreams.painted import PaintedReader, painted
from stellwerk.upstreams.reading import EventReader, Passing, Tokens, read_header, read_whole
from stellwerk.upstreams.route import Route, choose, soonest
from stellwerk.wire.errors import error_event

log = get_logger("operations")

T = TypeVar("T")

JSON = b"application/json"
FIRST_FAILURE = 300
LONGEST_FAILURE = 65_536
LONGEST_ANSWER = 256 * 2**20
# The target refused before it began to work, so another one may be asked.
NOT_RUN = frozenset({401, 403, 429, 503})
RETRY_AFTER = 2.0
NO_CACHE = b"cache-control: no-cache\r\n"

EXPLAINED = {
    Failure.UNREACHED: (Kind.UNAVAILABLE, "upstream_unavailable", "cannot be reached. Try again."),
    Failure.REFUSED: (Kind.UNAVAILABLE, "upstream_unavailable", "has just stopped. Try again."),
    Failure.SILENT: (Kind.TIMEOUT, "upstream_timeout", "did not answer in time."),
    Failure.STALLED: (Kind.TIMEOUT, "upstream_timeout", "went silent in the middle of the answer."),
    Failure.CUT: (Kind.UPSTREAM, "upstream_cut", "stopped in the middle of the answer."),
    Failure.GARBLED: (Kind.UPSTREAM, "upstream_error", "answered with something that is not HTTP."),
}


NO_HEAD = Head(0, [])


class Flight:
    """A receiver between a target and an outlet."""

    # Most calls need few of these, and a class's value costs nothing to set.
    _exchange: Exchange | None = None
    _route: Route | None = None
    _tried: tuple[Route, ...] = ()
    _last_error: StellwerkError | None = None
    _events: EventReader | PaintedReader | Passing | None = None
    _head = NO_HEAD
    _size = 0
    _started = False
    _over = False
    _paused = False
    _hides_usage = False
    _permit: Permit | None = None
    _waiting: asyncio.Task[None] | None = None
    # Pictures in the call: `looking` is waited for before the first target is asked.
    looking: Looking | None = None
    _bodies: Bodies | None = None
    # Pictures out: what becomes of an answer before the caller gets it.
    keeping: Callable[[bytes], Coroutine[Any, Any, bytes]] | None = None

    def __init__(
        self,
        operation: Operation,
        call: Call,
        asked: Outline,
        fields: Fields | None,
        routes: tuple[Route, ...],
        outlet: Outlet,
        meter: Meter,
    ) -> None:
        self._operation = operation
        self._call = call
        self._asked = asked
        self._fields = fields
        self._routes = routes
        self._outlet = outlet
        self._meter = meter
        self.tokens = Tokens()
        self._pieces: list[bytes] = []
        if asked.stream:
            # The hub asks for a stream's usage where the caller did not.
            self._hides_usage = operation.tells_usage and not asked.wants_usage

    def begin(self, permit: Permit) -> None:
        """Ask the best target. `permit` is settled when the call ends."""
        self._permit = permit
        if self._over:
            permit.settle(0, 0, 0)
        elif self.looking is not None:
            self._wait_for(self.looking(), self._seen)
        else:
            self._ask()

    def begin_after(self, waiting: Coroutine[Any, Any, Permit]) -> None:
        """Begin when the permit that is waited for has come."""
        self._waiting = asyncio.get_running_loop().create_task(self._begin_after(waiting))

    async def _begin_after(self, waiting: Coroutine[Any, Any, Permit]) -> None:
        try:
            permit = await waiting
        except StellwerkError as error:
            self._waiting = None
            if not self._over:
                self._end_with(error)
        else:
            self._waiting = None
            self.begin(permit)

    def _wait_for(self, work: Coroutine[Any, Any, T], then: Callable[[T], None]) -> None:
        """Go on with what `work` gives; what it raises ends the call."""
        self._waiting = asyncio.get_running_loop().create_task(self._after(work, then))

    async def _after(self, work: Coroutine[Any, Any, T], then: Callable[[T], None]) -> None:
        mistake = StellwerkError("The server made a mistake; its log says more.")
        go_on = partial(self._end_with, mistake)
        try:
            go_on = partial(then, await work)
        except StellwerkError as error:
            go_on = partial(self._end_with, error)
        finally:
            self._waiting = None
            # Whatever happened, the caller is told of it.
            if not self._over:
                go_on()

    def _seen(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._ask()

    def _ask(self) -> None:
        route = choose(self._routes, self._tried)
        if route is None:
            self._end_with(self._last_error or self._none_left())
            return
        self._route = route
        self._tried = (*self._tried, route)
        route.in_flight += 1
        route.breaker.begin()
        self._meter.target = route.name
        call = self._call
        body, fields = call.body, self._fields
        if self._bodies is not None:
            fields = self._bodies.get(route.pictures, fields)
        try:
            if call.content_type == JSON:
                body = addressed(
                    call, self._asked, fields, route.model, add_usage=self._hides_usage
                )
            elif not route.local:
                body = form.addressed(call, route.model)
            self._exchange = route.begin(
                self._operation.path,
                body,
                call.content_type,
                call.request_id,
                self._meter.trace,
                self,
            )
        except StellwerkError as error:
            self.refused(error)
        else:
            if self._paused:
                self._exchange.pause()

    def _none_left(self) -> StellwerkError:
        return UnavailableError(
            "All servers of this model are out of order at the moment. Try again.",
            code="upstream_unavailable",
            retry_after=soonest(self._routes),
        )

    # For whoever takes the answer

    def cancel(self) -> None:
        """Nobody waits any more: the target is hung up on, and nothing more is sent."""
        if not self._over:
            self._abandon()
            self._end(CLIENT_GONE)

    def abort(self, error: StellwerkError) -> None:
        """End it for the hub's own reasons, and tell the caller."""
        if not self._over:
            self._abandon()
            self._end_with(error)

    def pause(self) -> None:
        self._paused = True
        if self._exchange is not None:
            self._exchange.pause()

    def resume(self) -> None:
        self._paused = False
        if self._exchange is not None:
            self._exchange.resume()

    # Receiver

    def progress(self, share: float) -> None:
        if self._call.progress is not None:
            self._call.progress(share)

    def whole(self, head: Head, body: bytes) -> None:
        if head.status < FIRST_FAILURE and not (head.is_stream or self._operation.media):
            self._succeed(head, body)
            return
        self.head(head)
        self.data(body)
        if not self._over:
            self.end()

    def head(self, head: Head) -> None:
        self._head = head
        if head.status >= FIRST_FAILURE:
            return
        if head.is_stream:
            self._events = self._reader()
        elif self._operation.media:
            self._events = Passing()
        if self._events is not None:
            self._route_is(well=True)
            self._started = True
            self._outlet.head(head, NO_CACHE + self._limits())

    def _reader(self) -> EventReader | PaintedReader:
        if self._operation.serves == "IMAGE":
            return PaintedReader(self.tokens)
        return EventReader(self._asked.model or "", self.tokens, hide_usage=self._hides_usage)

    def data(self, chunk: bytes) -> None:
        events = self._events
        if events is not None:
            if chunk:
                if not self._meter.first:
                    self._meter.first_byte()
                chunk = events.feed(chunk)
            self._outlet.data(chunk)
        elif chunk:
            self._pieces.append(chunk)
            self._size += len(chunk)
            if self._head.status >= FIRST_FAILURE and self._size > LONGEST_FAILURE:
                self._give_up()
                self.end()
            elif self._size > LONGEST_ANSWER:
                # Only a stream is passed on piece by piece, and memory is not endless.
                self._give_up()
                self.failed(Failure.GARBLED)

    def end(self) -> None:
        if self._events is not None:
            if rest := self._events.rest():
                self._outlet.data(rest)
            self._end(self._head.status)
            self._outlet.end()
        elif self._head.status >= FIRST_FAILURE:
            self._answered_with_failure()
        else:
            self._succeed(self._head, b"".join(self._pieces))

    def failed(self, failure: Failure) -> None:
        if self._over:
            return
        kind, code, text = EXPLAINED[failure]
        again = RETRY_AFTER if kind is Kind.UNAVAILABLE else None
        error = UpstreamError(f"The model's server {text}", kind=kind, code=code, retry_after=again)
        log.info("upstream failed", target=self._meter.target, model=self._meter.model, why=failure)
        self._route_is(well=False)
        self._next_or(error, may_try=failure in UNSENT)

    def refused(self, error: StellwerkError) -> None:
        if self._route is not None:
            self._route.breaker.unknown()
        self._next_or(error, may_try=True)

    # What an answer means

    def _succeed(self, head: Head, body: bytes) -> None:
        self._route_is(well=True)
        self._meter.first_byte()
        tokens = self.tokens
        if head.readable:
            body = read_whole(body, self._asked.model or "", tokens)
        else:
            read_header(head, tokens)
        if not tokens.known and self._operation.tells_usage:
            tokens.completion = len(body) // BYTES_A_TOKEN
        if self._operation.serves == "IMAGE":
            made = painted(body) if head.readable else None
            tokens.images = (self._asked.n or 1) if made is None else made
        if self.keeping is not None and head.readable:
            self._wait_for(self.keeping(body), partial(self._give, head))
        else:
            self._give(head, body)

    def _give(self, head: Head, body: bytes) -> None:
        self._end(head.status)
        self._outlet.whole(head, self._limits(), body)

    def _limits(self) -> bytes:
        """What is left of the caller's limits, as lines of headers."""
        return self._permit.lines if self._permit is not None else b""

    def _answered_with_failure(self) -> None:
        status, headers = self._head.status, self._head.headers
        retry_after = next((value for name, value in headers if name == b"retry-after"), b"")
        error = failure(status, retry_after.decode("latin-1"), b"".join(self._pieces))
        if error.kind is Kind.UPSTREAM:
            # The caller is told little of it; its text may hold a credential.
            log.warning("upstream failed", target=self._meter.target, status=status)
        self._route_is(well=status < 500 and status not in CREDENTIALS)
        if status in {429, 503} and error.retry_after and self._route is not None:
            self._route.breaker.rest(error.retry_after)
        self._next_or(error, may_try=status in NOT_RUN, failing=status >= 500)

    def _next_or(self, error: StellwerkError, *, may_try: bool, failing: bool = True) -> None:
        """Ask another target if nothing is lost by it; else this is the answer."""
        route = self._route
        again = may_try or (failing and route is not None and route.retry)
        if not self._started and again and choose(self._routes, self._tried) is not None:
            self._leave()
            self._last_error = error
            self._pieces.clear()
            self._size = 0
            self._ask()
        else:
            self._end_with(error)

    def _route_is(self, *, well: bool) -> None:
        if self._route is None:
            return
        if not well:
            self._route.breaker.bad()
        elif not self._route.breaker.calm:
            self._route.breaker.good()

    def _leave(self) -> None:
        if self._route is not None:
            self._route.in_flight -= 1
            self._route = None

    def _give_up(self) -> None:
        """Wait for nothing more: neither for the permit nor for the target."""
        if self._waiting is not None:
            self._waiting.cancel()
        if self._exchange is not None:
            self._exchange.cancel()

    def _abandon(self) -> None:
        """Give it up for reasons that tell nothing of the target."""
        self._give_up()
        if self._route is not None:
            self._route.breaker.unknown()

    def _end_with(self, error: StellwerkError) -> None:
        self._end(error.kind.status)
        if not self._started:
            self._outlet.refuse(error)
        elif isinstance(self._events, Passing):
            # An error in the middle of a sound would be heard as noise.
            self._outlet.cut(error)
        else:
            self._outlet.data(error_event(error))
            self._outlet.end()

    def _end(self, status: int) -> None:
        """What the call took is settled before the caller hears of its end."""
        self._over = True
        self._leave()
        self._exchange = None
        tokens = self.tokens
        if not tokens.known and self._events is not None:
            tokens.completion = self._events.events
        price = self._meter.end(status, tokens, stream=self._events is not None)
        if self._permit is not None:
            self._permit.settle(tokens.prompt, tokens.completion, price)
