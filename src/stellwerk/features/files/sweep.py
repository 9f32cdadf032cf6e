"""Clears away, now and then, what has ended: expired files and uploads, bytes without an owner."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from stellwerk.base.errors import UnavailableError
from stellwerk.base.log import get_logger
from stellwerk.features.files.uploads import Uploads

log = get_logger("files")

INTERVAL = 60.0


async def sweep(uploads: Uploads) -> None:
    """Do it once. Raises `UnavailableError` when the database or the store is away."""
    await uploads.expire()
    await uploads.files.expire()
    await uploads.files.heaps.sweep()


async def keep_sweeping(
    sweeps: Sequence[Callable[[], Awaitable[None]]], interval: float = INTERVAL
) -> None:
    """Await each of them in turn, every `interval` seconds, until cancelled."""
    while True:
        try:
            for each in sweeps:
                await each()
        except UnavailableError as error:
            log.warning("sweep is put off", reason=error.message)
        await asyncio.sleep(interval)
