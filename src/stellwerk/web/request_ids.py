"""`x-request-id` on every answer."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stellwerk.http.request_id import HEADER, request_id


class RequestIds:
    """Middleware that names each request, for its handlers, its answer and its log lines."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = request_id(scope["headers"])
        scope.setdefault("state", {})["request_id"] = name

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (HEADER, name.encode())]
            await send(message)

        await self._app(scope, receive, send_named)
