"""Takes webhooks to where they belong, and again where that failed."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence

import msgspec

from stellwerk.base.errors import StellwerkError
from stellwerk.base.log import get_logger
from stellwerk.data.errors import DatabaseUnavailableError
from stellwerk.features.webhooks.deliveries import EACH, Deliveries
from stellwerk.features.webhooks.errors import NoWebhookSecretError
from stellwerk.features.webhooks.signing import headers
from stellwerk.features.webhooks.types import DELIVERED, Due
from stellwerk.fetch.fetcher import Fetcher

log = get_logger("worker")

# Seconds before each further attempt, as the Standard Webhooks specification proposes.
PAUSES = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
AT_ONCE = 16
POLL, AWAY, PURGE = 1.0, 2.0, 60.0
# Whoever answers so wants nothing more of it.
GONE = 410


class Event(msgspec.Struct, kw_only=True):
    """What is sent: the form that OpenAI's events have."""

    id: str
    object: str = "event"
    created_at: int
    type: str
    data: msgspec.Raw


class Courier:
    """Delivers what is due until it is cancelled."""

    def __init__(
        self, deliveries: Deliveries, fetcher: Fetcher, pauses: Sequence[float] = PAUSES
    ) -> None:
        self._deliveries = deliveries
        self._fetcher = fetcher
        self._pauses = pauses
        self._news = asyncio.Event()
        # Each with the project that it is of.
        self._tasks: dict[asyncio.Task[None], str] = {}

    async def wake(self, _: str = "") -> None:
        """Something may be due."""
        self._news.set()

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_purging())
                while True:
                    self._news.clear()
                    await self._take()
                    try:
                        async with asyncio.timeout(POLL):
                            await self._news.wait()
                    except TimeoutError:
                        pass
        finally:
            # What is under way is due again when its lease has run out.
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self) -> None:
        free = AT_ONCE - len(self._tasks)
        if not free:
            return
        try:
            busy = Counter(self._tasks.values())
            full = [project for project, number in busy.items() if number >= EACH]
            found = await self._deliveries.take(free, full)
        except DatabaseUnavailableError:
            await asyncio.sleep(AWAY)
            return
        for due in found:
            task = asyncio.create_task(self._deliver(due))
            self._tasks[task] = due.project_id
            task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        del self._tasks[task]
        self._news.set()
        if not task.cancelled() and (error := task.exception()):
            log.error("a webhook broke", exc_info=error)

    async def _deliver(self, due: Due) -> None:
        status, error = await self._post(due)
        log.info("webhook", webhook=due.id, attempt=due.attempts, status=status, error=error)
        over = due.attempts > len(self._pauses) or status == GONE
        try:
            if over or status in DELIVERED:
                await self._deliveries.end(due, status, error)
            else:
                pause = self._pauses[due.attempts - 1]
                spread = pause * random.uniform(0.9, 1.1)  # noqa: S311 - nothing is guarded by it
                await self._deliveries.again(due, spread, status, error)
        except DatabaseUnavailableError:
            log.warning("a webhook's end is not written; it is sent again", webhook=due.id)

    async def _post(self, due: Due) -> tuple[int | None, str | None]:
        """The status of the answer, or why there is none."""
        try:
            if not due.secrets:
                raise NoWebhookSecretError("webhook")
            body = event(due)
            signed = headers(due.id, int(time.time()), body, due.secrets)
            return await self._fetcher.post(due.url, body, signed), None
        except StellwerkError as error:
            return None, error.message

    async def _keep_purging(self) -> None:
        while True:
            try:
                await self._deliveries.purge()
            except DatabaseUnavailableError:
                log.info("webhooks that ended are purged later")
            await asyncio.sleep(PURGE)


def event(due: Due) -> bytes:
    """The same bytes at each attempt."""
    return msgspec.json.encode(
        Event(
            id=due.id.replace("msg_", "evt_"),
            created_at=int(due.created_at.timestamp()),
            type=due.type,
            data=msgspec.Raw(due.data.encode()),
        )
    )
