"""What all searches have in common that are measured here: questions, time, and what was found."""

import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from sqlalchemy import text

from bench.stores.texts import Vectors
from stellwerk.data.database import Database
from stellwerk.features.stores.large import KINDS, build

BEST = 10
JITTER = 0.3
TEXTS, PAGES = 0, 1

# Takes a question, gives the numbers of what was found.
Ask = Callable[[Vectors], Awaitable[set[int]]]


class Times(NamedTuple):
    """The median, and where the slowest twentieth begins, in milliseconds."""

    median: float
    slow: float


@dataclass(frozen=True)
class Row:
    """One way of searching."""

    what: str
    way: str
    times: Times
    recall: float
    bound: str = ""
    kept: bool = True
    seconds: float | None = None


def jittered(found: Vectors, chance: np.random.Generator, much: float = JITTER) -> Vectors:
    """The vectors with noise of that length, of length 1 again."""
    noise = chance.normal(size=found.shape) * much / np.sqrt(found.shape[1])
    made: Vectors = (found + noise).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made


async def asked(ask: Ask, questions: Sequence[Vectors]) -> tuple[list[set[int]], Times]:
    """What each question found, and the times."""
    await ask(questions[0])
    found, times = [], []
    for question in questions:
        began = time.perf_counter()
        found.append(await ask(question))
        times.append((time.perf_counter() - began) * 1000)
    return found, Times(statistics.median(times), statistics.quantiles(times, n=20)[-1])


def recall(found: Sequence[set[int]], exact: Sequence[set[int]]) -> float:
    return sum(len(one & two) for one, two in zip(found, exact, strict=True)) / (BEST * len(exact))


async def indexed(database: Database, kind: int, store: str, width: int) -> float:
    """Build a store's index; seconds."""
    began = time.perf_counter()
    async with database.connect() as connection:
        await build(connection, KINDS[kind], store, width)
        await connection.execute(text(f"analyze {KINDS[kind].table.name}"))
    return time.perf_counter() - began
