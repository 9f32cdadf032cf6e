"""Who is loaded, who makes room, who drains. Pure: numbers in, a plan out.

Models that requests wait for get memory in the order of their longest-waiting request, and a later
one may go first only where that takes nothing from an earlier one. Room is made by idle models, the
longest unused first. A model with running requests is never stopped; but once a request has waited
`swap_after` seconds, busy models drain for it: they take no new requests and end with their last
one. Each model may serve `swap_after` seconds before it drains, so two that cannot be loaded
together take turns.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Resident:
    """A model that has memory. Sizes in bytes; times in seconds of the clock that `plan` gets."""

    key: str
    size: int
    state: State
    leases: int = 0
    ready_at: float = 0.0
    used_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Wish:
    """A model that requests wait for, the first of them since `since`.

    A patient one has no request that waits: it takes free memory and nothing else.
    """

    key: str
    size: int
    since: float
    patient: bool = False


@dataclass(slots=True)
class Plan:
    """What is to be done now. A model drains only as long as the newest plan says so."""

    load: list[str] = field(default_factory=list)
    stop: list[str] = field(default_factory=list)
    drain: set[str] = field(default_factory=set)
    look_again: float | None = None

    def look_again_at(self, time: float) -> None:
        self.look_again = time if self.look_again is None else min(time, self.look_again)


def plan(
    budget: int,
    residents: Iterable[Resident],
    wishes: Iterable[Wish],
    now: float,
    swap_after: float,
) -> Plan:
    """Decide. No wish may be larger than `budget`."""
    table = _Table(budget, list(residents), now, swap_after)
    table.shrink()
    for wish in sorted(wishes, key=lambda wish: wish.since):
        table.grant(wish)
    return table.plan


class _Table:
    """The memory as it is shared out, wish by wish.

    `free` is free now; `room` is what will be free for the next wish once all that is planned has
    happened. It is below zero when an earlier wish still lacks room.
    """

    def __init__(
        self, budget: int, residents: list[Resident], now: float, swap_after: float
    ) -> None:
        self.plan = Plan()
        self._now = now
        self._swap_after = swap_after
        self._keys = {resident.key for resident in residents}
        self._free = budget - sum(resident.size for resident in residents)
        self._room = self._free + sum(r.size for r in residents if r.state is State.STOPPING)
        movable = [r for r in residents if r.state in {State.READY, State.DRAINING}]
        self._idle = sorted((r for r in movable if not r.leases), key=lambda r: r.used_at)
        # Who drains already goes on, so that a plan does not change its mind.
        self._busy = sorted(
            (r for r in movable if r.leases),
            key=lambda r: (r.state is not State.DRAINING, r.used_at),
        )

    def shrink(self) -> None:
        """Models may have grown beyond the budget."""
        while self._room < 0 and self._idle:
            self._stop(self._idle.pop(0))

    def grant(self, wish: Wish) -> None:
        if wish.key in self._keys:
            # Its own process still ends, or drains for somebody else.
            return
        if wish.size <= min(self._free, self._room):
            self.plan.load.append(wish.key)
            self._free -= wish.size
            self._room -= wish.size
        elif wish.patient:
            return
        elif self._room + sum(idle.size for idle in self._idle) >= wish.size:
            self._evict(wish.size)
            self._room -= wish.size
        else:
            self._press(wish)

    def _evict(self, size: int) -> None:
        while self._room < size:
            self._stop(self._idle.pop(0))

    def _press(self, wish: Wish) -> None:
        """Nothing idle is enough: busy models drain, when the wish has waited long enough."""
        if self._now < wish.since + self._swap_after:
            self.plan.look_again_at(wish.since + self._swap_after)
            return
        rested = [r for r in self._busy if self._may_drain(r)]
        if self._room + sum(r.size for r in [*self._idle, *rested]) < wish.size:
            for resident in self._busy:
                if resident not in rested:
                    self.plan.look_again_at(resident.ready_at + self._swap_after)
        else:
            self._drain(rested, wish.size)
            self._evict(wish.size)
        self._room -= wish.size

    def _may_drain(self, resident: Resident) -> bool:
        rested = self._now >= resident.ready_at + self._swap_after
        return rested or resident.state is State.DRAINING

    def _drain(self, rested: list[Resident], size: int) -> None:
        idle = sum(resident.size for resident in self._idle)
        while self._room + idle < size:
            resident = rested.pop(0)
            self._busy.remove(resident)
            self.plan.drain.add(resident.key)
            self._room += resident.size

    def _stop(self, resident: Resident) -> None:
        self.plan.stop.append(resident.key)
        self._room += resident.size
