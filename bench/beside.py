"""The hub beside a library that a program of its own calls, file by file in turns.

Both meet the same machine so, and of the rounds the least counts, file by file: what else runs on
the machine can only add to it.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

# What files say: one text for each.
Read = Callable[[Sequence[Path]], Awaitable[list[str]]]


@dataclass(frozen=True)
class Side:
    """What reads files, and the process that it is or starts with all its children."""

    read: Read
    process: psutil.Process

    async def take(self, batch: Sequence[Path]) -> tuple[float, float]:
        """Seconds, and seconds of processors."""
        before, began = self.spent(), time.perf_counter()
        texts = await self.read(batch)
        took = time.perf_counter() - began
        assert all(texts), texts
        return took, self.spent() - before

    def spent(self) -> float:
        spent = 0.0
        for member in (self.process, *self.process.children(recursive=True)):
            # PostgreSQL's workers come and go.
            with suppress(psutil.NoSuchProcess):
                times = member.cpu_times()
                spent += times.user + times.system
        return spent


async def least(
    batches: Sequence[Sequence[Path]], sides: tuple[Side, Side], rounds: int
) -> npt.NDArray[np.float64]:
    """For each side: seconds, and seconds of processors, for all batches."""
    for side in sides:
        # The first one loads the model.
        await side.take(batches[0])
    found = np.full((len(batches), len(sides), 2), np.inf)
    for turn in range(rounds):
        for number, batch in enumerate(batches):
            for place in (0, 1) if (number + turn) % 2 else (1, 0):
                taken = await sides[place].take(batch)
                found[number, place] = np.minimum(found[number, place], taken)
    total: npt.NDArray[np.float64] = found.sum(axis=0)
    return total


@asynccontextmanager
async def program(source: str, orders: dict[str, Any]) -> AsyncIterator[Side]:
    """A Python program that reads `orders`, says `[]`, and then answers lists of paths with texts.

    All are JSON, a line each.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        source,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    requests, answers = process.stdin, process.stdout
    requests.write(json.dumps(orders).encode() + b"\n")
    assert await answers.readline() == b"[]\n"

    async def read(paths: Sequence[Path]) -> list[str]:
        requests.write(json.dumps([str(path) for path in paths]).encode() + b"\n")
        texts: list[str] = json.loads(await answers.readline())
        return texts

    try:
        yield Side(read, psutil.Process(process.pid))
    finally:
        requests.close()
        await process.wait()
