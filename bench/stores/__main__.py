"""`python -m bench.stores`: how fast large vector stores answer, and how much they find.

Texts: the hub's own search with the store's index beside its search without one, over real texts'
vectors. Pages: multi-vectors drawn from the same vectors with jitter, MaxSim by the hub's search
beside a comparison with every page. Queries are vectors of the set with jitter of their own.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from bench.stores.filled import PAGES_STORE, TEXTS_STORE, fill_pages, fill_texts, prepare
from bench.stores.texts import Vectors, vectors
from stellwerk.base.settings import Settings
from stellwerk.compose.database import open_database
from stellwerk.data.database import Database
from stellwerk.features.stores.finding import Chunks
from stellwerk.features.stores.large import KINDS, build
from stellwerk.features.stores.pages import Pages, maxsim
from stellwerk.features.stores.types import HybridWeights

MEANING = HybridWeights(embedding_weight=1, text_weight=0)
BEST = 10
JITTER = 0.3


def jittered(found: Vectors, chance: np.random.Generator, much: float = JITTER) -> Vectors:
    noise = chance.normal(size=found.shape) * much / np.sqrt(found.shape[1])
    made: Vectors = found + noise.astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made


async def ask_texts(database: Database, questions: Vectors) -> tuple[list[set[int]], float]:
    """The best chunks of each question by their pages, and the median of milliseconds."""
    search, found, times = Chunks(database), [], []
    for question in questions:
        began = time.perf_counter()
        hits = await search.search(
            TEXTS_STORE, "x", question.tolist(), filters=None, weights=MEANING, limit=BEST
        )
        times.append((time.perf_counter() - began) * 1000)
        found.append({hit.page_number for _, hit in hits})
    return found, statistics.median(times)


async def ask_pages(database: Database, questions: Vectors) -> tuple[list[set[int]], float]:
    search, found, times = Pages(database), [], []
    for question in questions:
        began = time.perf_counter()
        pages = await search.search(PAGES_STORE, question[np.newaxis], filters=None, limit=BEST)
        times.append((time.perf_counter() - began) * 1000)
        found.append({page.row.page for page in pages})
    return found, statistics.median(times)


def recall(found: Sequence[set[int]], exact: Sequence[set[int]]) -> float:
    return sum(len(one & two) for one, two in zip(found, exact, strict=True)) / (BEST * len(exact))


async def indexed(database: Database, place: int, store: str, width: int) -> float:
    """Build a store's index; seconds."""
    began = time.perf_counter()
    async with database.connect() as connection:
        await build(connection, KINDS[place], store, width)
        await connection.execute(text(f"analyze {KINDS[place].table.name}"))
    return time.perf_counter() - began


async def measure(options: argparse.Namespace, data_dir: Path) -> list[tuple[str, ...]]:
    chance = np.random.default_rng(1)
    known = vectors(options.texts, options.weights)
    width = known.shape[1]
    chosen = chance.choice(len(known), options.queries, replace=False)
    questions = jittered(known[chosen], chance)
    rows: list[tuple[str, ...]] = []
    async with open_database(Settings(data_dir=data_dir)) as database:
        await prepare(database, width)
        await fill_texts(database, known)
        exact, slow = await ask_texts(database, questions)
        took = await indexed(database, 0, TEXTS_STORE, width)
        found, fast = await ask_texts(database, questions)
        what = f"{len(known)} texts"
        rows.append((what, "exact", f"{slow:.1f}", "1.000", ""))
        rows.append((what, "index", f"{fast:.1f}", f"{recall(found, exact):.3f}", f"{took:.0f}"))
        drawn = chance.integers(len(known), size=(options.pages, options.vectors))
        pages = [jittered(known[places], chance) for places in drawn]
        await fill_pages(database, pages)
        best = [_best(question, pages) for question in questions]
        what = f"{len(pages)} pages of {options.vectors} vectors"
        for way in ("exact candidates", "index"):
            took = await indexed(database, 1, PAGES_STORE, width) if way == "index" else 0
            found, spent = await ask_pages(database, questions)
            built = f"{took:.0f}" if took else ""
            rows.append((what, way, f"{spent:.1f}", f"{recall(found, best):.3f}", built))
    return rows


def _best(question: Vectors, pages: Sequence[Vectors]) -> set[int]:
    scores = [maxsim(question[np.newaxis], page) for page in pages]
    return set(map(int, np.argsort(scores)[::-1][:BEST]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    weights = Path("~/.cache/stellwerk/weights").expanduser()
    parser.add_argument("--weights", type=Path, default=weights)
    for name, number in (("texts", 20_000), ("pages", 5000), ("vectors", 32), ("queries", 100)):
        parser.add_argument(f"--{name}", type=int, default=number)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stellwerk-bench-") as directory:
        Path(directory).chmod(0o711)
        rows: Any = asyncio.run(measure(options, Path(directory)))
    table = Table(box=None, pad_edge=False)
    for column in ("what", "way", "ms a query", f"recall@{BEST}", "s to build"):
        table.add_column(column)
    for row in rows:
        table.add_row(*row)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
