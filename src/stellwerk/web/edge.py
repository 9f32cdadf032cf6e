"""What holds for every request before any route is looked up."""

import asyncio
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stellwerk.base.log import get_logger
from stellwerk.http.errors import error_answer
from stellwerk.http.limits import too_large
from stellwerk.http.request_id import HEADER, request_id

log = get_logger("web")

# FastAPI reads a resource's JSON body before it looks at the key. The verbs, and the endpoints that
# take files, have limits of their own.
RESOURCE_BODY = 2**20
RESOURCES = re.compile(r"/admin/|/v[12](/openai)?/(uploads|vector_stores)(?!/[^/]+/parts$)")


class Edge:
    """Names each request, bounds the bodies of resources, and answers HEAD like GET."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = request_id(scope["headers"])
        inner = {**scope, "state": {**scope.get("state", {}), "request_id": name}}
        if scope["method"] == "HEAD":
            # The server sends no body to a HEAD request whatever the application writes.
            inner["method"] = "GET"
            inner["state"]["head"] = True

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (HEADER, name.encode())]
            await send(message)

        run = self._bounded if RESOURCES.match(scope["path"]) else self._app
        try:
            await run(inner, receive, send_named)
        except (Exception, asyncio.CancelledError):
            # It was logged and answered where it belongs; the server would log it once more.
            log.debug("request failed", request_id=name)

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = dict(scope["headers"]).get(b"content-length", b"")
        if length.isdigit() and int(length) > RESOURCE_BODY:
            await _refuse(send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > RESOURCE_BODY:
                raise too_large(RESOURCE_BODY)
            return message

        await self._app(scope, counted, send)


async def _refuse(send: Send) -> None:
    status, headers, body = error_answer(too_large(RESOURCE_BODY))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
