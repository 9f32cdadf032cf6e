"""Stores of texts: the hub's search with the store's index, beside its search without one."""

import numpy as np
from pgvector import HalfVector
from sqlalchemy import func, select, text

from bench.stores.filled import fill_texts, make_store
from bench.stores.searching import BEST, TEXTS, Row, asked, indexed, jittered, recall
from bench.stores.texts import Vectors
from stellwerk.data.database import Database
from stellwerk.features.stores.finding import Chunks
from stellwerk.features.stores.large import distance, in_store
from stellwerk.features.stores.query import HybridWeights
from stellwerk.features.stores.tables import chunks

SMALL, LARGE = "vs_" + "a" * 32, "vs_" + "d" * 32
MEANING = HybridWeights(embedding_weight=1, text_weight=0)
BOUND = 0.98
# How widely the index is looked through.
WIDTHS = (10, 40, 100, 200, 400, 1000)


async def measure(database: Database, known: Vectors, many: int, queries: int) -> list[Row]:
    """The store as it is, and one of `many` jittered copies of its vectors with the curve."""
    chance = np.random.default_rng(1)
    chosen = chance.choice(len(known), queries, replace=False)
    questions = list(jittered(known[chosen], chance)[:, np.newaxis])
    rows = await _measured(database, SMALL, known, questions)
    copied = known[np.resize(np.arange(len(known)), many)]
    made = jittered(copied, chance)
    return [*rows, *await _measured(database, LARGE, made, questions, curve=True)]


async def _measured(
    database: Database,
    store: str,
    vectors: Vectors,
    questions: list[Vectors],
    *,
    curve: bool = False,
) -> list[Row]:
    await make_store(database, store, vectors.shape[1])
    await fill_texts(database, store, vectors)
    what = f"{len(vectors)} texts"

    async def hub(question: Vectors) -> set[int]:
        vector = question[0].tolist()
        hits = await Chunks(database).search(
            store, "x", vector, filters=None, weights=MEANING, limit=BEST
        )
        return {hit.page_number for _, hit in hits}

    exact, times = await asked(hub, questions)
    rows = [Row(what, "exact", times, 1.0)]
    took = await indexed(database, TEXTS, store, vectors.shape[1])
    found, times = await asked(hub, questions)
    share = recall(found, exact)
    bound = "" if curve else f"recall >= {BOUND}"
    rows.append(Row(what, "index", times, share, bound, curve or share >= BOUND, took))
    for width in WIDTHS if curve else ():
        found, times = await asked(Bare(database, store, width), questions)
        rows.append(Row(what, f"index alone, ef {width}", times, recall(found, exact)))
    return rows


class Bare:
    """The nearest by the index and nothing else, looked through so widely."""

    def __init__(self, database: Database, store: str, width: int) -> None:
        self._database, self._store, self._width = database, store, width

    async def __call__(self, question: Vectors) -> set[int]:
        measured = distance(chunks, HalfVector(question[0]), question.shape[1])
        nearest = select(chunks.c.page).where(in_store(chunks, self._store)).order_by(measured)
        async with self._database.begin() as connection:
            widely = func.set_config("hnsw.ef_search", str(self._width), True)
            await connection.execute(select(widely))
            await connection.execute(text("set local enable_seqscan = off"))
            return set(await connection.scalars(nearest.limit(BEST)))
