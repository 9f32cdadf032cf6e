"""A local engine as a route: it is leased from the broker for each request."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from stellwerk.base.errors import StellwerkError
from stellwerk.base.model_entry import PictureForm
from stellwerk.ports.engines import Broker, Endpoint, Launch
from stellwerk.ports.sink import Head
from stellwerk.upstreams.exchange import Exchange, Failure, Receiver
from stellwerk.upstreams.pool import Pool, Timeouts
from stellwerk.upstreams.remote import Base, HttpRoute
from stellwerk.upstreams.route import new_breaker

URL = "http://engine/v1"
# The model may think for long before its first byte; a dead engine's socket closes by itself.
TIMEOUTS = Timeouts(connect=10, first_byte=3600, idle=600, keep_alive=60)


class Engines:
    """A pool of connections for each running engine; one started anew has a new socket."""

    def __init__(self) -> None:
        self._known: dict[Endpoint, tuple[HttpRoute, Pool]] = {}

    def at(self, endpoint: Endpoint) -> HttpRoute:
        known = self._known.get(endpoint)
        if known is None:
            self._forget_ended()
            base = Base.of(URL, endpoint.socket)
            pool = Pool(base.address, TIMEOUTS, None)
            credential = ("authorization", f"Bearer {endpoint.secret}")
            known = HttpRoute("engine", "", base, pool, credential), pool
            self._known[endpoint] = known
        return known[0]

    def _forget_ended(self) -> None:
        for endpoint in [one for one in self._known if not Path(one.socket).exists()]:
            self._known.pop(endpoint)[1].close()

    def close(self) -> None:
        for _, pool in self._known.values():
            pool.close()


class EngineRoute:
    """See `Route`. `launch` gives what starts the engine, or raises when weights are missing."""

    name = "engine"
    local = True
    weight = 1.0
    retry = False

    def __init__(
        self,
        model: str,
        broker: Broker,
        engines: Engines,
        launch: Callable[[], Launch],
        order: int,
        pictures: PictureForm = "none",
    ) -> None:
        self.model, self.order, self.pictures = model, order, pictures
        self.in_flight = 0
        self.breaker = new_breaker()
        self._broker = broker
        self._engines = engines
        self._launch = launch

    def begin(
        self,
        path: str,
        body: bytes,
        content_type: bytes,
        request_id: str,
        trace: str | None,
        receiver: Receiver,
    ) -> "Leased":
        launch = self._launch()
        leased = Leased(receiver)
        leased.task = asyncio.get_running_loop().create_task(
            self._run(leased, launch, (path, body, content_type, request_id, trace))
        )
        return leased

    async def _run(
        self, leased: "Leased", launch: Launch, request: tuple[str, bytes, bytes, str, str | None]
    ) -> None:
        try:
            async with self._broker.lease(launch) as endpoint:
                leased.exchange = self._engines.at(endpoint).begin(*request, leased)
                if leased.paused:
                    leased.exchange.pause()
                await leased.over.wait()
        except StellwerkError as error:
            leased.refuse(error)


class Leased:
    """An exchange with an engine, and the lease that lasts as long."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self.task: asyncio.Task[None] | None = None
        self.exchange: Exchange | None = None
        self.over = asyncio.Event()
        self.paused = False

    def refuse(self, error: StellwerkError) -> None:
        """The broker does not give out the engine."""
        self._receiver.refused(error)

    # Exchange

    def cancel(self) -> None:
        if self.exchange is not None:
            self.exchange.cancel()
        if self.task is not None:
            self.task.cancel()

    def pause(self) -> None:
        self.paused = True
        if self.exchange is not None:
            self.exchange.pause()

    def resume(self) -> None:
        self.paused = False
        if self.exchange is not None:
            self.exchange.resume()

    # Receiver

    def progress(self, share: float) -> None:
        self._receiver.progress(share)

    def whole(self, head: Head, body: bytes) -> None:
        self.over.set()
        self._receiver.whole(head, body)

    def head(self, head: Head) -> None:
        self._receiver.head(head)

    def data(self, chunk: bytes) -> None:
        self._receiver.data(chunk)

    def end(self) -> None:
        self.over.set()
        self._receiver.end()

    def failed(self, failure: Failure) -> None:
        self.over.set()
        self._receiver.failed(failure)

    def refused(self, error: StellwerkError) -> None:
        self._receiver.refused(error)
