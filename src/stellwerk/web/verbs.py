"""The verbs over ASGI: a connection becomes a call and a sink."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from stellwerk.base.errors import InvalidRequestError, Kind, StellwerkError
from stellwerk.base.log import get_logger
from stellwerk.http.credentials import api_key
from stellwerk.http.errors import error_answer
from stellwerk.http.limits import too_large
from stellwerk.http.shutdown import ShuttingDownError
from stellwerk.http.trace import trace_parent
from stellwerk.operations.form import parted
from stellwerk.operations.operation import Call, Operation
from stellwerk.ports.sink import Headers
from stellwerk.web.hub import Hub
from stellwerk.wire.errors import error_event

log = get_logger("web")


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete."""


class AsgiSink:
    """An answer, written to an ASGI connection."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False
        self.streams = False

    async def head(self, status: int, headers: Headers) -> None:
        self.started = True
        self.streams = all(name != b"content-length" for name, _ in headers)
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def data(self, chunk: bytes) -> None:
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


@dataclass(frozen=True, slots=True)
class VerbEndpoint:
    """An ASGI application that does one operation."""

    operation: Operation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hub: Hub = scope["app"].state.hub
        sink = AsgiSink(send)
        try:
            call = await call_of(self.operation, hub, scope, receive)
            await unless_gone(hub.runner.run(self.operation, call, sink), receive)
        except StellwerkError as error:
            if sink.started:
                raise
            status, headers, body = error_answer(error)
            await sink.head(status, headers)
            await sink.data(body)
            await sink.end()
        except asyncio.CancelledError:
            # The server stops, and the time for what still runs is over.
            if sink.streams:
                await sink.data(error_event(ShuttingDownError()))
                await sink.end()
            raise
        except ClientGoneError:
            log.info("client gone", operation=self.operation.name)


async def call_of(operation: Operation, hub: Hub, scope: Scope, receive: Receive) -> Call:
    """The call that a request makes, and who makes it. Raises `StellwerkError`."""
    principal = await hub.keyring.principal(api_key(scope["headers"]))
    body = await _body_of(operation, hub, scope, receive)
    # What a JSON verb is sent is JSON, whatever its header says.
    content_type = _content_type(scope) if operation.form else b"application/json"
    return Call(
        principal=principal,
        body=body,
        request_id=scope["state"]["request_id"],
        model=scope["path_params"].get("model"),
        content_type=content_type,
        trace=trace_parent(scope["headers"]),
        parts=await parted(operation, body, content_type),
    )


async def _body_of(operation: Operation, hub: Hub, scope: Scope, receive: Receive) -> bytes:
    """The whole body of a verb, with the limit that its kind has."""
    if not operation.form and _content_type(scope).startswith(b"multipart/"):
        raise InvalidRequestError(
            "This takes a JSON body, not multipart.", kind=Kind.MEDIA_TYPE, code="media_type"
        )
    return await read_body(scope, receive, hub.max_recording if operation.form else hub.max_body)


def _content_type(scope: Scope) -> bytes:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    return headers.get(b"content-type", b"")


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body. Raises `BodyTooLargeError` as soon as it is known to pass `limit` bytes."""
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > limit:
        raise too_large(limit)
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        body += message.get("body", b"")
        if len(body) > limit:
            raise too_large(limit)
        if not message.get("more_body", False):
            return bytes(body)


async def unless_gone(work: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Run `work`; cancel it as soon as the client hangs up."""
    task = asyncio.create_task(work)
    gone = asyncio.create_task(_disconnect(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for unfinished in (task, gone):
            unfinished.cancel()
        with suppress(asyncio.CancelledError):
            await gone
    try:
        await task
    except asyncio.CancelledError:
        raise ClientGoneError from None


async def _disconnect(receive: Receive) -> Message:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return message
