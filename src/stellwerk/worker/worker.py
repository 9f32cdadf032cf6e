"""The worker: claims as much as it has room for, runs it, and keeps its lease."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial

from stellwerk.base.log import get_logger
from stellwerk.base.settings import QueueSettings
from stellwerk.data.errors import DatabaseUnavailableError
from stellwerk.data.gather import Gather
from stellwerk.features.queue.claims import MOST, Claims, Room
from stellwerk.features.queue.types import Job, Outcome
from stellwerk.worker.attempt import Attempt, End
from stellwerk.worker.handler import Handler
from stellwerk.worker.resting import Resting
from stellwerk.worker.storing import Storing, StoringEvents
from stellwerk.worker.verdict import LIMITED, Again, broken

log = get_logger("worker")

# Asks how many requests of each model run at the moment, of whatever kind.
Leases = Callable[[], Awaitable[Mapping[str, int]]]

# Three beats fit into a lease. A missed notification costs one poll.
BEAT, SWEEP, POLL = 1.5, 1.0, 1.0
AWAY = 0.5
NEVER = float("-inf")


class Worker:
    """Runs up to `settings.slots` requests at once, until it is stopped."""

    def __init__(
        self,
        claims: Claims,
        handlers: Mapping[str, Handler],
        leases: Leases,
        settings: QueueSettings,
    ) -> None:
        self._claims = claims
        self._handlers = handlers
        self._leases = leases
        self._settings = settings
        self._news = asyncio.Event()
        # When a claim last found nothing.
        self._emptied = NEVER
        self._resting = Resting()
        self._attempts: dict[str, Attempt] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ends: Gather[Outcome, bool] = Gather(claims.finish, MOST)

    async def wake(self, _: str = "") -> None:
        """There may be something to claim."""
        self._news.set()

    async def cancel(self, name: str) -> None:
        """A request is to be cancelled; it may be one of ours."""
        if attempt := self._attempts.get(name):
            attempt.stop(End.CANCELLED)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work while the context is open. At its end nothing new is begun; see `stop`."""
        await self._enter()
        async with asyncio.TaskGroup() as group:
            loops = [
                group.create_task(self._again_and_again(loop, pause))
                for loop, pause in ((self._beat, BEAT), (self._sweep, SWEEP))
            ]
            claiming = group.create_task(self._claim_on())
            try:
                yield
            finally:
                claiming.cancel()
                await self._finish_or_hand_back()
                for task in loops:
                    task.cancel()

    async def stop(self, grace: float) -> None:
        """Wait up to `grace` seconds for what runs; for use at the end of `running`."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)

    async def _finish_or_hand_back(self) -> None:
        for attempt in list(self._attempts.values()):
            attempt.stop(End.STOPPED)
        if self._tasks:
            await asyncio.wait(self._tasks)
        try:
            await self._claims.leave()
        except DatabaseUnavailableError:
            log.warning("the database is away; others take over when the lease has run out")

    async def _enter(self) -> None:
        while True:
            try:
                await self._claims.enter()
            except DatabaseUnavailableError as error:
                log.warning("worker waits for the database", reason=error.message)
                await asyncio.sleep(AWAY)
            else:
                return

    async def _again_and_again(self, work: Callable[[], Awaitable[None]], pause: float) -> None:
        while True:
            try:
                await work()
            except DatabaseUnavailableError as error:
                log.warning("worker has no database", reason=error.message)
            await asyncio.sleep(pause)

    async def _beat(self) -> None:
        before = {name: attempt.job.fence for name, attempt in self._attempts.items()}
        held = await self._claims.beat()
        if held is None:
            log.warning("worker was struck off; it begins anew")
            await self._claims.enter()
        for name, fence in before.items():
            if held is None or held.running.get(name) != fence:
                self._lose(name, fence)
        for name in held.cancelling if held else ():
            await self.cancel(name)

        await self._tell_progress()

    async def _tell_progress(self) -> None:
        news = []
        for attempt in self._attempts.values():
            share = attempt.sink.share
            if share is not None and share != attempt.told:
                attempt.told = share
                news.append((attempt.job, share))
        if news:
            await self._claims.progress(news)

    def _lose(self, name: str, fence: int) -> None:
        attempt = self._attempts.get(name)
        if attempt and attempt.job.fence == fence:
            attempt.stop(End.LOST)

    async def _sweep(self) -> None:
        if lost := await self._claims.sweep():
            log.warning("requests of dead workers go on", number=lost)

    async def _claim_on(self) -> None:
        while True:
            self._news.clear()
            try:
                await self._claim()
            except DatabaseUnavailableError as error:
                log.warning("worker cannot claim", reason=error.message)
                await asyncio.sleep(AWAY)
            try:
                async with asyncio.timeout(POLL):
                    await self._news.wait()
            except TimeoutError:
                pass

    async def _claim(self) -> None:
        """Claim until there is no room, or nothing to claim.

        A claim sees the front of the line only, which may be all of models that have no place
        left; the next one looks past these. Not each time, as it mostly finds nothing.
        """
        settings, clock = self._settings, asyncio.get_running_loop().time
        while (free := settings.slots - len(self._tasks)) > 0:
            room = Room(
                slots=free,
                operations=list(self._handlers),
                each=settings.per_model,
                models=settings.models,
                leases=await self._leases(),
                resting=self._resting.now(),
            )
            jobs = await self._claims.claim(room)
            for job in jobs:
                task = asyncio.create_task(self._run(job))
                self._tasks.add(task)
                task.add_done_callback(self._ended)
            if not jobs:
                self._emptied = clock()
                return
            if len(jobs) < free and clock() < self._emptied + POLL:
                return

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._news.set()
        if not task.cancelled() and (error := task.exception()):
            log.error("an attempt broke", exc_info=error)

    async def _run(self, job: Job) -> None:
        sink = self._sink(job)
        attempt = Attempt(job, self._handlers[job.operation], sink)
        self._attempts[job.id] = attempt
        try:
            outcome = await attempt.outcome()
            await sink.close()
        finally:
            del self._attempts[job.id]
        self._tell(job, outcome)
        if isinstance(outcome, Again):
            if attempt.error is not None and attempt.error.kind.status == LIMITED:
                self._resting.rest(job.key_id, job.model, outcome.delay)
            again = partial(self._claims.again, job, outcome.delay, counts=outcome.counts)
            await self._settle(again)
        elif outcome is not None:
            await self._finish(job, outcome)

    async def _finish(self, job: Job, outcome: Outcome) -> None:
        try:
            await self._settle(partial(self._ends.submit, outcome))
        except Exception:
            # Perhaps only what travelled with it cannot be written. A request without an end
            # would run for as long as this worker does.
            log.exception("an answer was refused by the database", request=job.id)
            try:
                await self._settle(partial(self._alone, outcome))
            except Exception:
                log.exception("an answer cannot be written", request=job.id)
                await self._settle(partial(self._alone, broken(job)))

    async def _alone(self, outcome: Outcome) -> bool:
        [written] = await self._claims.finish([outcome])
        return written

    def _tell(self, job: Job, outcome: Outcome | Again | None) -> None:
        end: dict[str, object] = {"state": "given up"}
        if isinstance(outcome, Again):
            end = {"state": "put off", "delay": round(outcome.delay, 1)}
        elif outcome is not None:
            end = {"state": outcome.state.value, "status": outcome.answer.status}
        log.info("request", request=job.id, attempt=job.attempts, operation=job.operation, **end)

    async def _settle(self, write: Callable[[], Awaitable[bool]]) -> None:
        """Write what came of an attempt, however long the database is away."""
        while True:
            try:
                written = await write()
            except DatabaseUnavailableError:
                await asyncio.sleep(AWAY)
            else:
                if not written:
                    log.warning("an answer came too late: the claim was lost")
                return

    def _sink(self, job: Job) -> Storing:
        limit = self._settings.max_answer
        if not job.stream:
            return Storing(limit)
        return StoringEvents(limit, job.fence, partial(self._claims.append, job))
