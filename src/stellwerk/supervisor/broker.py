"""The memory broker: hands out running engines under one budget. It lives in the parent process.

`policy` decides and this does: every event (a request, a lease that came back, an engine that is
ready, gone or has grown) calls `_settle`, which makes a plan and carries it out.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Self

from stellwerk.ports.engines import Endpoint, EngineSpec, EngineStatus, Launch, Snapshot
from stellwerk.supervisor.broker_errors import (
    ClosedError,
    EngineDownError,
    LoadTimeoutError,
    TooLargeError,
    UnknownEngineError,
    WeightsError,
)
from stellwerk.supervisor.engine import Host
from stellwerk.supervisor.footprints import Footprints
from stellwerk.supervisor.lives import Lives
from stellwerk.supervisor.place import Lease, Place, Waiter
from stellwerk.supervisor.policy import Plan, plan


class LocalBroker:
    """Engines of this machine. `budget` in bytes, times in seconds.

    Used from one event loop, and entered once: leaving it ends all engines.
    """

    def __init__(
        self,
        specs: Mapping[str, EngineSpec],
        host: Host,
        footprints: Footprints,
        *,
        budget: int,
        swap_after: float = 15,
        load_timeout: float = 600,
        measure_every: float = 15,
    ) -> None:
        self._specs = specs
        self._host = host
        self._footprints = footprints
        self._budget = budget
        self._swap_after = swap_after
        self._load_timeout = load_timeout
        self._measure_every = measure_every
        self._places: dict[str, Place] = {}
        self._lives = Lives(host, footprints, self._settle, measure_every)
        self._look_again: asyncio.TimerHandle | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._lives.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End all engines; who still waits is told that we close."""
        self._closed = True
        self._look_again_at(None)
        for place in self._places.values():
            place.fail_waiters(ClosedError)
        await self._lives.close()

    def kill(self) -> None:
        """End all engines at once, whatever they do."""
        self._lives.kill()

    @asynccontextmanager
    async def lease(self, launch: Launch) -> AsyncIterator[Endpoint]:
        """Wait until the model is loaded; it stays loaded until the lease is given back.

        Raises `UnavailableError` when it cannot be loaded in time or at all, or keeps crashing.
        """
        place = self._places.get(launch.key) or await self._open(launch)
        lease = place.take(self._loop.time()) or await self._wait(place)
        try:
            yield lease.endpoint
        finally:
            self._give_back(lease)

    def snapshot(self) -> Snapshot:
        """What is loaded, and who waits."""
        now = self._loop.time()
        engines = [self._status(place, now) for place in self._places.values()]
        return Snapshot(budget=self._budget, used=self._used(), engines=engines)

    def _status(self, place: Place, now: float) -> EngineStatus:
        return EngineStatus(
            model=place.launch.model,
            engine=place.launch.engine,
            state=place.state(now),
            leases=place.engine.leases if place.engine else 0,
            waiting=len(place.waiters),
            footprint=place.size,
            measured=self._footprints.get(place.launch) is not None,
            retry_after=place.backoff.remaining(now),
        )

    async def _open(self, launch: Launch) -> Place:
        """Read what the weights say of themselves, once for each launch."""
        spec = self._specs.get(launch.engine)
        if spec is None:
            raise UnknownEngineError(f"{launch.model}: there is no engine {launch.engine!r}.")
        size = self._footprints.get(launch)
        if size is None:
            try:
                size = (await asyncio.to_thread(spec.describe, launch)).footprint
            except (OSError, ValueError) as error:
                # Weights that are cut off or something else are a ValueError.
                reason = str(error).rstrip(".")
                raise WeightsError(f"{launch.model} has no readable weights: {reason}.") from error
        return self._places.setdefault(launch.key, Place(launch, spec, size))

    async def _wait(self, place: Place) -> Lease:
        self._admit(place)
        waiter = Waiter(self._loop.time(), self._loop.create_future())
        place.waiters.append(waiter)
        self._settle()
        try:
            async with asyncio.timeout(self._load_timeout):
                return await waiter.lease
        except TimeoutError:
            self._forgo(waiter)
            raise LoadTimeoutError(place, self._load_timeout) from None
        except asyncio.CancelledError:
            self._forgo(waiter)
            raise
        finally:
            place.waiters.remove(waiter)
            self._settle()

    def _admit(self, place: Place) -> None:
        now = self._loop.time()
        if self._closed:
            raise ClosedError
        if place.engine is None and place.backoff.remaining(now):
            raise EngineDownError(place, now)
        if place.engine is None and place.size > self._budget:
            raise TooLargeError(place, self._budget)

    def _forgo(self, waiter: Waiter) -> None:
        """A lease may have been granted in the moment in which the caller gave up."""
        if waiter.lease.done() and not waiter.lease.cancelled() and not waiter.lease.exception():
            self._give_back(waiter.lease.result())

    def _give_back(self, lease: Lease) -> None:
        lease.engine.leases -= 1
        lease.engine.used_at = self._loop.time()
        if not lease.engine.leases:
            self._settle()

    def _used(self) -> int:
        return sum(place.size for place in self._places.values() if place.engine)

    def _settle(self) -> None:
        """Make a plan and carry it out."""
        if self._closed:
            return
        now = self._loop.time()
        # Before the plan: an engine that has just become ready is not idle.
        for place in self._places.values():
            place.serve_waiters(now)
        made = self._plan(now)
        for key in made.stop:
            self._lives.stop(self._places[key])
        for place in self._places.values():
            place.drain(place.key in made.drain)
            place.serve_waiters(now)
        for key in made.load:
            self._lives.begin(self._places[key])
        self._look_again_at(made.look_again)

    def _plan(self, now: float) -> Plan:
        places = self._places.values()
        for place in places:
            if place.engine is None and place.size > self._budget:
                place.fail_waiters(partial(TooLargeError, place, self._budget))
        residents = [resident for place in places if (resident := place.resident())]
        wishes = [wish for place in places if (wish := place.wish(self._budget, now))]
        made = plan(self._budget, residents, wishes, now, self._swap_after)
        for place in places:
            if place.revive and place.backoff.remaining(now):
                made.look_again_at(place.backoff.until)
        return made

    def _look_again_at(self, time: float | None) -> None:
        if self._look_again:
            self._look_again.cancel()
        self._look_again = self._loop.call_at(time, self._settle) if time is not None else None
