"""A model in the broker's books: its engine, those who wait for it, its failures."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from stellwerk.base.errors import StellwerkError
from stellwerk.ports.engines import Endpoint, EngineSpec, Launch
from stellwerk.supervisor.backoff import Backoff
from stellwerk.supervisor.engine import Process
from stellwerk.supervisor.policy import Resident, State, Wish


@dataclass(slots=True, eq=False)
class Engine:
    """An engine from the moment that memory is given to it until its process is gone."""

    state: State = State.LOADING
    process: Process | None = None
    leases: int = 0
    ready_at: float = 0.0
    used_at: float = 0.0
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Lease:
    """A share in a running engine. It outlives the engine when that crashes."""

    engine: Engine
    endpoint: Endpoint


@dataclass(slots=True, eq=False)
class Waiter:
    since: float
    lease: "asyncio.Future[Lease]"


@dataclass(slots=True, eq=False)
class Place:
    """One launch. `size` is in bytes; times are the event loop's."""

    launch: Launch
    spec: EngineSpec
    size: int
    engine: Engine | None = None
    waiters: list[Waiter] = field(default_factory=list)
    backoff: Backoff = field(default_factory=Backoff)
    reason: str = ""
    # It crashed, and is to be started again without being asked for.
    revive: bool = False

    @property
    def key(self) -> str:
        return self.launch.key

    def resident(self) -> Resident | None:
        if self.engine is None:
            return None
        engine = self.engine
        return Resident(
            self.key, self.size, engine.state, engine.leases, engine.ready_at, engine.used_at
        )

    def wish(self, budget: int, now: float) -> Wish | None:
        """The memory that it asks for; `budget` is the most that there is."""
        if self.size > budget or (self.engine and self.engine.state is State.LOADING):
            return None
        waiting = [waiter for waiter in self.waiters if not waiter.lease.done()]
        if waiting:
            return Wish(self.key, self.size, waiting[0].since)
        if self.revive and not self.backoff.remaining(now):
            return Wish(self.key, self.size, now, patient=True)
        return None

    def state(self, now: float) -> str:
        if self.engine:
            return self.engine.state.value
        return "backoff" if self.backoff.remaining(now) else "unloaded"

    def drain(self, wanted: bool) -> None:
        """Take no new requests, or take them again. An engine that stops goes on stopping."""
        if self.engine and self.engine.state in {State.READY, State.DRAINING}:
            self.engine.state = State.DRAINING if wanted else State.READY

    def take(self, now: float) -> Lease | None:
        """A lease, if the engine takes requests now."""
        engine = self.engine
        if engine is None or engine.state is not State.READY or engine.process is None:
            return None
        engine.leases += 1
        engine.used_at = now
        return Lease(engine, engine.process.endpoint)

    def serve_waiters(self, now: float) -> None:
        """Give a lease to each who waits, if the engine takes requests now."""
        for waiter in self.waiters:
            if not waiter.lease.done():
                lease = self.take(now)
                if lease is None:
                    return
                waiter.lease.set_result(lease)

    def fail_waiters(self, error: Callable[[], StellwerkError]) -> None:
        """Tell each who waits, with an error of its own."""
        for waiter in self.waiters:
            if not waiter.lease.done():
                waiter.lease.set_exception(error())
