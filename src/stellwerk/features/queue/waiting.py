"""Waiting for a request to end, or for its next events, without asking all the time."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from stellwerk.features.queue.service import Queue


class Watch:
    """One who waits. `news` returns when something may have happened."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        self._event.set()

    async def news(self, seconds: float) -> bool:
        """Wait for news, once for each; False when `seconds` have passed without any."""
        try:
            async with asyncio.timeout(max(seconds, 0)):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


class Waiting:
    """All who wait in this process. Notifications wake them, and a poll those that missed one."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._watches: dict[str, set[Watch]] = {}

    @contextmanager
    def watch(self, name: str) -> Iterator[Watch]:
        """Enter before the request can have ended, and no news is missed."""
        watch = Watch()
        self._watches.setdefault(name, set()).add(watch)
        try:
            yield watch
        finally:
            watches = self._watches[name]
            watches.discard(watch)
            if not watches:
                del self._watches[name]

    async def heard(self, payload: str) -> None:
        """A notification: the ids of requests, with commas between them."""
        for name in payload.split(","):
            self._ring(name)

    async def poll(self) -> None:
        """Look whether any of them has ended, for the case that its notification was lost."""
        if self._watches:
            for name in await self._queue.ended(list(self._watches)):
                self._ring(name)

    def _ring(self, name: str) -> None:
        for watch in self._watches.get(name, ()):
            watch.ring()
