"""Keeps batches going: looks through new ones, and moves those that run."""

import asyncio
from collections.abc import Awaitable, Callable

from stellwerk.base.errors import UnavailableError
from stellwerk.base.log import get_logger
from stellwerk.features.batches.checking import Checking
from stellwerk.features.batches.progress import Progress

log = get_logger("worker")

# Seconds between two looks when there was nothing to do.
POLL, AWAY = 1.0, 2.0


class Batching:
    """Runs until it is cancelled."""

    def __init__(self, checking: Checking, progress: Progress) -> None:
        self._checking = checking
        self._progress = progress
        self._news = (asyncio.Event(), asyncio.Event())

    async def wake(self, _: str = "") -> None:
        """A batch was made, or is to be cancelled."""
        for news in self._news:
            news.set()

    async def run(self) -> None:
        # A large file is looked through for long, and the others run meanwhile.
        async with asyncio.TaskGroup() as group:
            group.create_task(self._again_and_again(self._check, self._news[0]))
            group.create_task(self._again_and_again(self._progress.step, self._news[1]))

    async def _check(self) -> bool:
        checked = await self._checking.step()
        if checked:
            self._news[1].set()
        return checked

    async def _again_and_again(
        self, step: Callable[[], Awaitable[bool]], news: asyncio.Event
    ) -> None:
        while True:
            news.clear()
            try:
                if await step():
                    continue
                pause = POLL
            except UnavailableError as error:
                # What the step had begun was rolled back.
                log.warning("batches wait", reason=error.message)
                pause = AWAY
            try:
                async with asyncio.timeout(pause):
                    await news.wait()
            except TimeoutError:
                pass
