"""Writes that come while another is under way travel together in the next one."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Gather(Generic[T, R]):
    """`await submit(item)` as if each item were written alone; `write` gets up to `most` of them.

    `write` gives one result for each item, in order. What it raises, all who waited for it get.
    Nothing waits longer than for one write before its own.
    """

    def __init__(
        self, write: Callable[[Sequence[T]], Coroutine[Any, Any, Sequence[R]]], most: int
    ) -> None:
        self._write = write
        self._most = most
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """What was submitted is written first."""
        if self._writing is not None:
            await self._writing

    async def submit(self, item: T) -> R:
        """Cancelling this leaves the item to be written."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_on())
        return await future

    async def _write_on(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            write = self._write([item for item, _ in batch])
            writing = asyncio.ensure_future(write)
            writing.add_done_callback(partial(_tell, [future for _, future in batch]))
            await asyncio.wait({writing})
        self._writing = None


def _tell(futures: list["asyncio.Future[R]"], write: "asyncio.Future[Sequence[R]]") -> None:
    if write.cancelled():
        results: Sequence[Any] = [asyncio.CancelledError()] * len(futures)
    elif error := write.exception():
        results = [error] * len(futures)
    else:
        results = write.result()
    for future, result in zip(futures, results, strict=True):
        # Whoever gave up waiting is not told.
        if future.done():
            continue
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)
