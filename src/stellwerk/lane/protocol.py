"""One client's connection: the hot verbs are answered here, all others by the ASGI application.

uvicorn's own protocol is the base. A request goes one way or the other when its head is complete;
the fast way takes a POST to one of the lane's paths with a JSON body and without `Expect`. A
request that is sent before the one before it was answered (pipelining) is not taken up: the
connection is closed after the first answer, and the client sends it again on a new one.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from stellwerk.base.errors import InvalidRequestError, Kind, StellwerkError
from stellwerk.base.ids import new_id
from stellwerk.base.log import get_logger
from stellwerk.features.keys.types import Principal
from stellwerk.http.credentials import api_key
from stellwerk.http.errors import error_answer
from stellwerk.http.limits import too_large
from stellwerk.http.request_id import is_safe
from stellwerk.http.trace import trace_parent
from stellwerk.lane.lane import IDLE_TIMEOUT, REQUEST_TIMEOUT, SEND_TIMEOUT, Lane
from stellwerk.operations.flight import Flight
from stellwerk.operations.operation import Call, Operation
from stellwerk.ports.sink import Head
from stellwerk.wire.known_head import KnownHead

log = get_logger("lane")

# All headers of a request together; nginx takes 32 KiB by default.
LONGEST_HEAD = 65_536
# Bytes around a chunk of a body; a body of chunks below 64 bytes is not taken for long.
CHUNK_OVERHEAD = 16
VERSIONS = {"1.0", "1.1"}
NOT_HTTP = "invalid_http"
STATUS = {one.value: f"HTTP/1.1 {one.value} {one.phrase}\r\n".encode() for one in HTTPStatus}


class HeadTooLargeError(InvalidRequestError):
    """The headers are longer than what is taken."""

    kind = Kind.HEAD_TOO_LARGE
    code = "headers_too_large"


class SlowRequestError(InvalidRequestError):
    """A request's head or body stays away."""

    kind = Kind.SLOW
    code = "request_timeout"


class LaneProtocol(HttpToolsProtocol):
    """See the module. It is the outlet of the call that it has in hand."""

    def __init__(
        self,
        lane: Lane,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._lane = lane
        self._operation: Operation  # Of the request in hand, and then of the last one.
        self._secret: str | None = None
        # Who it belongs to, as long as no key has changed.
        self._principal: Principal | None = None
        self._changes = -1
        self._known: KnownHead | None = None
        self._trace: str | None = None
        self._may_learn = False
        self._flight: Flight | None = None
        self._task: asyncio.Task[None] | None = None
        self._body: list[bytes] = []
        self._size = self._head_size = self._missing = self._begun = 0
        # Whether the request in hand is the lane's, and whether it is being answered.
        self._ours = self._busy = False
        self._pipelined = self._keep = self._chunked = self._is_old = False
        # Between two requests, or reading one.
        self._between, self._reading = True, False
        self._head = b""
        self._request_id = ""
        self._since = 0.0
        self._full_since = 0.0

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._lane.connections.add(self)
        self._since = self.loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lane.connections.discard(self)
        self._drop()
        super().connection_lost(exc)

    def _drop(self) -> None:
        """The client has gone, or what it sends cannot be understood."""
        if self._task is not None:
            self._task.cancel()
        if self._flight is not None:
            self._flight.cancel()
            self._flight = None

    def shutdown(self) -> None:
        if self._busy:
            self._keep = False
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._full_since = self.loop.time()
        if self._flight is not None:
            self._flight.pause()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._full_since = 0.0
        if self._flight is not None:
            self._flight.resume()

    def check_time(self, now: float) -> None:
        """Close a connection whose client is idle or slow for too long."""
        if self._full_since:
            if now - self._full_since > SEND_TIMEOUT:
                self.transport.abort()
        elif self._between:
            if now - self._since > IDLE_TIMEOUT:
                self.transport.close()
        elif self._reading and now - self._since > REQUEST_TIMEOUT:
            self._refuse_and_close(SlowRequestError("The request did not come in time."))

    def give_up(self, error: StellwerkError) -> None:
        self._keep = False
        if self._flight is not None:
            self._flight.abort(error)

    # The request, as httptools reads it

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._more_of_known(data)
            return
        if self._known is not None and self._between:
            found = self._known.body_in(data)
            if found is not None and found[1] <= self._lane.max_body:
                self._begin_known(*found)
                return
        learns, before = self._between, self._size
        self._begun = 0
        super().data_received(data)
        if learns:
            # Of two heads in one piece, it would not be clear whose key and verb are remembered.
            one = self._may_learn and self._begun == 1
            self._known = KnownHead.of(data) if one else None
        if self._reading:
            # The parser keeps a header to itself until it is complete, however long it grows; a
            # trailer too, which begins when the body is over. What became body is not counted.
            self._head_size += len(data) - (self._size - (0 if self._begun else before))
            if self._head_size > LONGEST_HEAD + CHUNK_OVERHEAD * (self._size // 64):
                self._refuse_and_close(
                    HeadTooLargeError(f"The request's head is longer than {LONGEST_HEAD} bytes.")
                )

    def _begin_known(self, body: bytes, length: int) -> None:
        """A request whose head is that of the last one; `body` may still be incomplete."""
        self._between = False
        self._ours = self._keep = True
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        self._request_id = new_id("req_")
        if len(body) == length:
            self._busy = True
            self._begin(body)
        else:
            self._reading = True
            self._since = self.loop.time()
            self._missing = length - len(body)
            self._body.append(body)

    def _more_of_known(self, data: bytes) -> None:
        self._body.append(data[: self._missing])
        self._since = self.loop.time()
        # What follows is another request, sent before this one was answered.
        self._pipelined = len(data) > self._missing
        self._missing = max(self._missing - len(data), 0)
        if not self._missing:
            self._busy, self._reading = True, False
            body = b"".join(self._body)
            self._body.clear()
            self._begin(body)

    def on_message_begin(self) -> None:
        self._begun += 1
        if self._busy:
            self._pipelined = True
            return
        self.url = b""
        self.headers = []
        self._size = self._head_size = 0
        self.expect_100_continue = False
        self._between, self._reading, self._may_learn = False, True, False
        self._since = self.loop.time()

    def on_url(self, url: bytes) -> None:
        if not self._pipelined:
            self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        # What the lane has taken up already sends a trailer: nobody reads it.
        if self._pipelined or self._ours:
            return
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._pipelined:
            return
        version = self.parser.get_http_version()
        if version not in VERSIONS:
            self._refuse_and_close(InvalidRequestError("HTTP/1.1 is spoken here.", code=NOT_HTTP))
            return
        operation = self._lane.paths.get(self.url)
        if operation is None or not self._is_plain():
            self._hand_over()
            return
        headers = dict(self.headers)
        length = headers.get(b"content-length", b"")
        self._operation = operation
        self._ours = True
        self._is_old = version == "1.0"
        self._secret = api_key(self.headers)
        self._principal = None
        self._keep = self.parser.should_keep_alive()
        given = headers.get(b"x-request-id")
        self._request_id = given.decode() if given and is_safe(given) else new_id("req_")
        self._trace = trace_parent(self.headers)
        self._may_learn = self._keep and given is None and self._trace is None
        if int(length or 0) > self._lane.max_body:
            self._refuse_and_close(too_large(self._lane.max_body))

    def _is_plain(self) -> bool:
        """Whether this is a request that the lane itself can answer, now."""
        if self.expect_100_continue or self.parser.get_method() != b"POST":
            return False
        if self.parser.should_upgrade() or self._cycle_is_busy():
            return False
        for name, value in self.headers:
            if name == b"content-type":
                return not value.startswith(b"multipart/")
        return True

    def _cycle_is_busy(self) -> bool:
        """Whether uvicorn is answering."""
        # Its annotation does not say that there is none at first.
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _hand_over(self) -> None:
        """Let uvicorn begin this request with what was read of it."""
        self._reading = False
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._ours:
            if not self._pipelined:
                super().on_body(body)
        elif not self._busy:
            self._size += len(body)
            self._since = self.loop.time()
            if self._size > self._lane.max_body:
                self._refuse_and_close(too_large(self._lane.max_body))
            else:
                self._body.append(body)

    def on_message_complete(self) -> None:
        if not self._ours:
            if not self._pipelined:
                super().on_message_complete()
        elif not self._busy:
            self._busy, self._reading = True, False
            body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
            self._body.clear()
            self._begin(body)

    def send_400_response(self, msg: str) -> None:
        """What came is not HTTP (uvicorn calls this), or more than is taken."""
        self._drop()
        self._refuse_and_close(
            InvalidRequestError("This is not a valid HTTP request.", code=NOT_HTTP)
        )

    # The call

    def _begin(self, body: bytes) -> None:
        keyring = self._lane.keyring
        try:
            principal = self._principal
            if self._changes != keyring.changes or principal is None or principal.expires_at:
                # Another key than last time, or some key has changed since.
                principal = self._principal = keyring.remembered(self._secret)
                self._changes = keyring.changes
            if principal is None:
                self._task = self.loop.create_task(self._identify(body))
            else:
                self._run(principal, body)
        except StellwerkError as error:
            self.refuse(error)

    async def _identify(self, body: bytes) -> None:
        try:
            principal = await self._lane.keyring.principal(self._secret)
            self._task = None
            self._run(principal, body)
        except StellwerkError as error:
            self._task = None
            self.refuse(error)
        except Exception as error:
            self._task = None
            self._broken(error)

    def _run(self, principal: Principal, body: bytes) -> None:
        call = Call(principal, body, self._request_id, trace=self._trace)
        try:
            flight = self._lane.runner.start(self._operation, call, self)
        except StellwerkError as error:
            self.refuse(error)
        except Exception as error:
            self._broken(error)
        else:
            # An answer may have come already.
            if self._busy:
                self._flight = flight
                if self._full_since:
                    flight.pause()

    def _broken(self, error: Exception) -> None:
        log.error("call broke", request_id=self._request_id, exc_info=error)
        self.refuse(StellwerkError("The server made a mistake; its log says more."))

    # Outlet

    def head(self, head: Head, more: bytes) -> None:
        # HTTP/1.0 knows no chunks: the end of the connection is the end of the answer.
        endless = all(name != b"content-length" for name, _ in head.headers)
        self._chunked = endless and not self._is_old
        self._keep = self._keep and (not endless or self._chunked)
        self._head = self._lines(head, more)
        if self._chunked:
            self._head += b"transfer-encoding: chunked\r\n\r\n"
        else:
            self._head += b"\r\n"

    def _lines(self, head: Head, more: bytes) -> bytes:
        """The status line and all headers; the empty line is not there yet."""
        return b"%b%b%b%b%bx-request-id: %b\r\n" % (
            STATUS.get(head.status) or b"HTTP/1.1 %d \r\n" % head.status,
            self._lane.date(self.server_state.default_headers),
            head.lines,
            more,
            b"" if self._keep else b"connection: close\r\n",
            self._request_id.encode("latin-1"),
        )

    def whole(self, head: Head, more: bytes, body: bytes) -> None:
        self.transport.write(
            b"%bcontent-length: %d\r\n\r\n%b" % (self._lines(head, more), len(body), body)
        )
        self._done()

    def data(self, chunk: bytes) -> None:
        if self._chunked and chunk:
            chunk = b"%x\r\n%b\r\n" % (len(chunk), chunk)
        if self._head:
            chunk = self._head + chunk
            self._head = b""
        if chunk:
            self.transport.write(chunk)

    def end(self) -> None:
        if self._chunked:
            self.transport.write(b"0\r\n\r\n")
        self._done()

    def cut(self, _: StellwerkError) -> None:
        self._flight = None
        # Without its last chunk an answer is seen to be cut; one that has no chunks must break.
        if self._chunked:
            self.transport.close()
        else:
            self.transport.abort()

    def refuse(self, error: StellwerkError) -> None:
        status, headers, body = error_answer(error)
        self.head(Head(status, headers), b"")
        self.data(body)
        self._done()

    def _refuse_and_close(self, error: StellwerkError) -> None:
        if self._chunked or self._cycle_is_busy():
            # An answer is under way already; another one cannot begin.
            self.transport.close()
            return
        self._keep = self._reading = False
        self._request_id = self._request_id or new_id("req_")
        self._busy = True
        self.refuse(error)

    def _done(self) -> None:
        self._ours = False
        self._flight = None
        self._busy = self._chunked = False
        self._request_id = ""
        self.server_state.total_requests += 1
        self._since = self.loop.time()
        self._between = True
        if self._pipelined or not self._keep:
            self.transport.close()
