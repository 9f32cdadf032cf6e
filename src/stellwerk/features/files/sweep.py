"""Clears away, now and then, what has ended: expired files and uploads, bytes without an owner."""

import asyncio

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


async def keep_sweeping(uploads: Uploads, interval: float = INTERVAL) -> None:
    """Do it every `interval` seconds until cancelled."""
    while True:
        try:
            await sweep(uploads)
        except UnavailableError as error:
            log.warning("sweep is put off", reason=error.message)
        await asyncio.sleep(interval)
