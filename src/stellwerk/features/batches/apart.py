"""Steps of batches, each apart from the others."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from stellwerk.base.errors import UnavailableError
from stellwerk.base.log import get_logger

log = get_logger("worker")


async def apart(name: str, step: Coroutine[Any, Any, bool]) -> bool:
    """Take a step of the batch `name`. An error that nobody foresaw holds up that batch alone.

    The log tells of it, at each step, until somebody mends what is wrong or the batch is over.
    Raises `UnavailableError`: what is away is away for all.
    """
    task = asyncio.create_task(step)
    try:
        await asyncio.wait({task})
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    error = task.exception()
    if error is None:
        return task.result()
    if isinstance(error, UnavailableError) or not isinstance(error, Exception):
        raise error
    log.error("a batch broke", batch=name, exc_info=error)
    return False
