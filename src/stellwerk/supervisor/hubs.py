"""The hub and worker processes: started, watched, started again when they crash, and ended."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from stellwerk.base.errors import StellwerkError
from stellwerk.base.log import get_logger
from stellwerk.supervisor.backoff import Backoff
from stellwerk.supervisor.children import Child, ChildError
from stellwerk.supervisor.shared_metrics import environment, forget

log = get_logger("supervisor")

# A hub connects to the database and reads the catalogue before it serves.
START_TIMEOUT = 120.0


class HubStartError(StellwerkError):
    """A hub process cannot start, so there is nothing to serve with."""

    code = "hub_start_failed"


@dataclass(frozen=True, slots=True)
class HubOrders:
    """How a hub process is started: its command, its line of orders, its inherited descriptor.

    A worker has no descriptor: it serves nobody. `metrics` is a directory in which several
    processes keep their counts.
    """

    command: Sequence[str]
    orders: bytes
    fd: int | None = None
    metrics: Path | None = None

    @property
    def environment(self) -> Mapping[str, str] | None:
        return environment(self.metrics) if self.metrics else None


class Hubs:
    """A number of equal hub processes. Entering starts them; leaving lets them finish.

    `spawned` may begin that early: they load their program while the database starts.
    """

    def __init__(self, orders: HubOrders, count: int, grace: float) -> None:
        self._orders = orders
        self._count = count
        self._grace = grace
        self._spawned: list[Child] = []
        self._running: set[Child] = set()
        self._keepers: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def spawned(self) -> AsyncIterator[None]:
        """Processes that wait for their orders. At the end, those that got none are gone.

        Raises `HubStartError` when one cannot be started.
        """
        try:
            try:
                for _ in range(self._count):
                    self._spawned.append(await self._spawn())
            except OSError as error:
                raise HubStartError(f"A hub process does not start: {error}") from error
            yield
        finally:
            await asyncio.gather(*(child.stop(0) for child in self._spawned))
            self._spawned.clear()

    async def __aenter__(self) -> Self:
        """Return when all hubs serve. Raises `HubStartError` when one cannot."""
        starts = [asyncio.create_task(self._start()) for _ in range(self._count)]
        try:
            children = await asyncio.gather(*starts)
        except BaseException as error:
            for start in starts:
                start.cancel()
            await asyncio.gather(*starts, return_exceptions=True)
            await self._stop()
            if isinstance(error, ChildError | OSError):
                raise HubStartError(f"A hub process does not start: {error}") from error
            raise
        self._keepers = [asyncio.create_task(self._keep(child)) for child in children]
        return self

    async def __aexit__(self, *_: object) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await self._stop()

    async def watch(self) -> None:
        """Start hubs that crashed again, until cancelled."""
        await asyncio.gather(*self._keepers)

    def kill(self) -> None:
        """End all hubs at once, whatever they do."""
        for child in self._running:
            child.kill()

    async def _spawn(self) -> Child:
        orders = self._orders
        fds = [] if orders.fd is None else [orders.fd]
        return await Child.spawn(orders.command, fds=fds, environment=orders.environment)

    async def _start(self) -> Child:
        child = self._spawned.pop() if self._spawned else await self._spawn()
        await child.instruct(self._orders.orders, timeout=START_TIMEOUT)
        self._running.add(child)
        return child

    async def _keep(self, child: Child) -> None:
        backoff = Backoff()
        clock = asyncio.get_running_loop().time
        while True:
            since = clock()
            end = await child.ended()
            self._running.discard(child)
            await child.stop(0)
            if self._orders.metrics:
                forget(self._orders.metrics, child.pid)
            delay = backoff.fail(clock(), clock() - since)
            log.warning("hub ended; it is started again", end=end, delay=delay)
            child = await self._start_again(backoff)

    async def _start_again(self, backoff: Backoff) -> Child:
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(backoff.remaining(clock()))
            try:
                return await self._start()
            except (ChildError, OSError) as error:
                delay = backoff.fail(clock(), 0)
                log.warning("hub does not start", reason=str(error), delay=delay)

    async def _stop(self) -> None:
        await asyncio.gather(*(child.stop(self._grace) for child in self._running))
        self._running.clear()
