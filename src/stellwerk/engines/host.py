"""What every engine child has in common.

The parent starts `python -m stellwerk.engines.NAME` and writes one line of JSON (`Orders`) to its
standard input, which it then keeps open: when it closes, the child ends. The child loads the model,
listens on the Unix socket, and says so with one line on standard output: `{"ready": true}`, or
`{"error": "..."}` before it exits with 1. SIGTERM lets running requests finish.
"""

import asyncio
import hmac
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import uvloop
from aiohttp import web

from stellwerk.base.errors import Kind, StellwerkError
from stellwerk.base.log import configure, get_logger
from stellwerk.wire.errors import error_json
from stellwerk.wire.form import FormReader, Part

log = get_logger("engines")


class Orders(msgspec.Struct, frozen=True):
    """What the parent asks of a child. `options` are the engine's own, out of the catalogue."""

    model: str
    socket: str
    secret: str
    threads: int
    files: tuple[str, ...] = ()
    options: dict[str, object] = {}
    grace: float = 30
    log_level: str = "info"


Load = Callable[[Orders], Awaitable[web.Application]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class UnauthenticatedError(StellwerkError):
    kind = Kind.UNAUTHENTICATED


def main(load: Load) -> None:
    """Run an engine child until its parent is gone or asks it to stop."""
    orders = msgspec.json.decode(sys.stdin.buffer.readline(), type=Orders)
    configure(orders.log_level, "json")
    uvloop.run(_run(load, orders))
    Path(orders.socket).unlink(missing_ok=True)


async def _run(load: Load, orders: Orders) -> None:
    try:
        app = await load(orders)
    except (StellwerkError, OSError, RuntimeError, ValueError) as error:
        _tell({"error": str(error)})
        sys.exit(1)
    runner = web.AppRunner(
        app, handler_cancellation=True, access_log=None, shutdown_timeout=orders.grace
    )
    await runner.setup()
    os.umask(0o177)
    await web.UnixSite(runner, orders.socket).start()
    stopped = _told_to_stop()
    _tell({"ready": True})
    await stopped.wait()
    await runner.cleanup()


def _tell(message: dict[str, object]) -> None:
    sys.stdout.write(msgspec.json.encode(message).decode() + "\n")
    sys.stdout.flush()


def _told_to_stop() -> asyncio.Event:
    """Set by a signal. Who sends one may do so as soon as it reads that the engine is ready."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)

    def parent_spoke() -> None:
        if not os.read(0, 4096):
            os._exit(0)

    loop.add_reader(0, parent_spoke)
    return stopped


def application(orders: Orders) -> web.Application:
    """An empty application that checks the secret and turns errors into bytes."""
    expected = f"Bearer {orders.secret}".encode()

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            given = request.headers.get("Authorization", "").encode()
            if not hmac.compare_digest(given, expected):
                raise UnauthenticatedError("The engine's secret is missing or wrong.")
            return await handler(request)
        except StellwerkError as error:
            return error_response(error)

    async def health(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    app = web.Application(middlewares=[guard], client_max_size=2**30)
    app.router.add_get("/health", health)
    return app


async def read_form(request: web.Request) -> list[Part]:
    """The fields of a form. Its files are in memory once. Raises `InvalidRequestError`."""
    reader = FormReader(request.headers.get("Content-Type", ""))
    found = [part async for piece in request.content.iter_any() for part in reader.feed(piece)]
    reader.close()
    return found


class Interim:
    """Tells the hub how far the work is, before the answer: HTTP's interim answer 102."""

    # So far apart that a long work does not fill the head of its answer.
    STEP = 0.01

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._told = 0.0

    def tell(self, done: float, of: float | None) -> None:
        """So much is done of all; where that is unknown, nothing is said."""
        share = min(done / of, 1) if of else 0
        transport = self._request.transport
        if share >= self._told + self.STEP and transport is not None:
            self._told = share
            transport.write(b"HTTP/1.1 102 Processing\r\nx-progress: %.3f\r\n\r\n" % share)


def error_response(error: StellwerkError) -> web.Response:
    headers = {"Retry-After": str(round(error.retry_after))} if error.retry_after else None
    return web.Response(
        body=error_json(error),
        status=error.kind.status,
        content_type="application/json",
        headers=headers,
    )
