"""How much a key may have waiting and running."""

import time
from dataclasses import dataclass

from stellwerk.base.settings import QueueSettings
from stellwerk.features.queue.errors import QueueFullError
from stellwerk.features.queue.service import Queue

# Seconds for which a count of the database is good enough, with what came since added to it.
FRESH = 1.0
RETRY_AFTER = 5.0


@dataclass(slots=True)
class _Count:
    read_at: float
    number: int
    size: int


class Quota:
    """Counts for this process. With several, a key may pass its quota by what comes in a second."""

    def __init__(self, queue: Queue, settings: QueueSettings) -> None:
        self._queue = queue
        self._settings = settings
        self._counts: dict[str, _Count] = {}

    async def take(self, key_id: str, size: int, number: int = 1) -> None:
        """Count more requests, of `size` bytes together. Raises `QueueFullError`."""
        count = await self._count(key_id)
        limit = self._settings
        if count.number + number > limit.waiting or count.size + size > limit.waiting_bytes:
            raise QueueFullError(
                f"Your key has {count.number} requests ({count.size} bytes) waiting, and "
                f"{limit.waiting} ({limit.waiting_bytes:d} bytes) is the limit. "
                "Try again when some have ended.",
                retry_after=RETRY_AFTER,
            )
        count.number += number
        count.size += size

    async def _count(self, key_id: str) -> _Count:
        now = time.monotonic()
        count = self._counts.get(key_id)
        if count is None or now - count.read_at > FRESH:
            self._forget(now)
            number, size = await self._queue.waiting(key_id)
            count = self._counts[key_id] = _Count(now, number, size)
        return count

    def _forget(self, now: float) -> None:
        if len(self._counts) > 1000:
            self._counts = {
                key: count for key, count in self._counts.items() if now - count.read_at <= FRESH
            }
