"""A worker's side of the queue: what it claims, and what it writes of it.

A worker has a lease, which it renews; a request that runs belongs to a worker. When a lease has
run out, its worker is struck off and its requests go on elsewhere. Every write names the number of
the claim (the *fence*), so a worker that was thought dead can change nothing any more. An attempt
counts when it is claimed: a request that kills its workers comes to an end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

from stellwerk.base.ids import new_id
from stellwerk.data.database import Database
from stellwerk.data.line import Line
from stellwerk.features.queue import statements
from stellwerk.features.queue.errors import (
    RequestCancelledError,
    RestartedError,
    WorkerLostError,
    ended,
)
from stellwerk.features.queue.types import Job, Outcome, State

LEASE = timedelta(seconds=5)
# A worker that stops between two statements of a claim may hold up others for so long.
IDLE_LIMIT = "2s"
# How far behind those that cannot run now is looked for some that can.
WINDOW = 200
# Requests that end in one statement: their ids must go into a notification of 8,000 bytes.
MOST = 200
# Requests that are deleted in one statement, and statements of one sweep: as fast as they come in.
PURGE, PURGES = 1000, 10

CANCELLED = ended(State.CANCELLED, RequestCancelledError())
LOST = ended(State.FAILED, WorkerLostError())


@dataclass(frozen=True, slots=True)
class Room:
    """What a worker can take on: so many requests, of these operations.

    `models` says how many requests of a model may run at once, on all workers together; for others
    it is `each`. `leases` says how many run of any kind, for what callers have who do not queue
    goes off. Requests of a key for a model that rest are left where they are.
    """

    slots: int
    operations: Sequence[str]
    each: int
    models: Mapping[str, int]
    leases: Mapping[str, int] = field(default_factory=dict)
    resting: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """The claims that PostgreSQL says this worker has: id -> fence; and those to be cancelled."""

    running: Mapping[str, int]
    cancelling: frozenset[str]


class Claims:
    """What one worker process may do. `worker` names its lease; a new one is made for each life."""

    def __init__(self, database: Database, place: str, lease: timedelta = LEASE) -> None:
        self._claiming = Line(database, {"idle_in_transaction_session_timeout": IDLE_LIMIT})
        self._writing = Line(database)
        self._beating = Line(database)
        self._place = place
        self._lease = lease
        self.worker = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for line in (self._claiming, self._writing, self._beating):
            await line.close()

    async def enter(self) -> None:
        """Take a lease under a new name."""
        worker = new_id("worker_")
        await self._beating.fetch(statements.ENTER, worker, self._place, self._lease)
        self.worker = worker

    async def beat(self) -> Held | None:
        """Renew the lease; None when others have struck this worker off, with all its claims."""
        rows = await self._beating.fetch(statements.BEAT, self.worker, self._lease)
        if not rows:
            return None
        claims = [row for row in rows if row["id"] is not None]
        running = {row["id"]: row["fence"] for row in claims}
        cancelling = {row["id"] for row in claims if row["state"] == "cancelling"}
        return Held(running, frozenset(cancelling))

    async def claim(self, room: Room) -> list[Job]:
        """Take the requests whose turn it is; the fairest order is kept by claiming one by one."""
        models = list({**room.models, **room.leases})
        async with self._claiming.transaction() as connection:
            await connection.execute(statements.ONE_BY_ONE)
            rows = await connection.fetch(
                statements.CLAIM,
                self.worker,
                list(room.operations),
                [key for key, _ in room.resting],
                [model for _, model in room.resting],
                models,
                [room.models.get(model) for model in models],
                [room.leases.get(model) for model in models],
                room.each,
                room.slots,
                room.slots + WINDOW,
            )
        return [Job(*row) for row in rows]

    async def finish(self, outcomes: Sequence[Outcome]) -> list[bool]:
        """End requests. False: the claim was lost, and nothing was written."""
        rows = await self._writing.fetch(
            statements.FINISH,
            [one.id for one in outcomes],
            [one.fence for one in outcomes],
            [one.state.value for one in outcomes],
            [one.answer.status for one in outcomes],
            [one.answer.content_type for one in outcomes],
            [one.answer.body for one in outcomes],
        )
        written = {row["id"] for row in rows}
        return [one.id in written for one in outcomes]

    async def progress(self, shares: Sequence[tuple[Job, float]]) -> None:
        """Note how much of each request's work is done; for a claim that was lost, nothing."""
        await self._writing.fetch(
            statements.PROGRESS,
            [job.id for job, _ in shares],
            [job.fence for job, _ in shares],
            [share for _, share in shares],
        )

    async def again(self, job: Job, delay: float, *, counts: bool = True) -> bool:
        """Let the request run again after `delay` seconds. Without `counts`, this was no attempt.

        One that is to be cancelled ends here. False: the claim was lost.
        """
        pause = timedelta(seconds=delay)
        rows = await self._writing.fetch(statements.DEFER, job.id, job.fence, pause, counts)
        if not rows:
            rows = await self._writing.fetch(statements.END_CLAIMED, *CANCELLED, job.id, job.fence)
        return bool(rows)

    async def append(self, job: Job, first: int, last: int, data: bytes) -> None:
        """Add events to a stream. Raises `RestartedError` when the claim was lost."""
        values = (job.id, job.fence, first, last, data)
        if not await self._writing.fetch(statements.APPEND, *values):
            raise RestartedError("The claim was lost.")

    async def leave(self) -> None:
        """Hand back what is still claimed, as if it had not been, and give up the lease."""
        await self._beating.fetch(statements.END_LEFT, *CANCELLED, self.worker)
        await self._beating.fetch(statements.HAND_BACK, self.worker)
        await self._beating.fetch(statements.LEAVE, self.worker)

    async def sweep(self) -> int:
        """What any worker does for all: strike off the dead, wake who waited, delete the expired.

        Gives the number of requests that dead workers had.
        """
        await self._beating.fetch(statements.STRIKE_OFF, self._lease)
        cancelled = await self._beating.fetch(statements.END_ORPHANS, *CANCELLED)
        failed = await self._beating.fetch(statements.FAIL_ORPHANS, *LOST)
        requeued = await self._beating.fetch(statements.REQUEUE_ORPHANS)
        await self._beating.fetch(statements.WAKE)
        for _ in range(PURGES):
            if len(await self._beating.fetch(statements.PURGE, PURGE)) < PURGE:
                break
        await self._beating.fetch(statements.PURGE_EVENTS)
        return len(cancelled) + len(failed) + len(requeued)
