"""Stores of pages: MaxSim by the hub's search, beside a comparison with every page."""

import time
from collections.abc import Sequence

import numpy as np

from bench.stores.filled import fill_pages, make_store
from bench.stores.searching import BEST, PAGES, Row, asked, indexed, jittered, recall
from bench.stores.texts import Vectors
from stellwerk.data.database import Database
from stellwerk.features.stores.pages import Pages

REGIONS, PATCHES = "vs_" + "b" * 32, "vs_" + "e" * 32
LONGEST, BOUND = 100, 0.95
# Of a ColQwen-like model: vectors of a page and their length, and those of a question.
SEEN, WIDTH, WORDS = 700, 128, 20
# Neighbouring patches show the same thing; there are so many things in the world of this test.
THING, THINGS = 14, 4000


async def regions(
    database: Database, known: Vectors, pages: int, each: int, queries: int
) -> list[Row]:
    """Pages of the default page model: one vector of the text model for each region."""
    chance = np.random.default_rng(2)
    chosen = chance.choice(len(known), queries, replace=False)
    questions = list(jittered(known[chosen], chance)[:, np.newaxis])
    drawn = chance.integers(len(known), size=(pages, each))
    made = [jittered(known[places], chance) for places in drawn]
    await make_store(database, REGIONS, known.shape[1])
    await fill_pages(database, REGIONS, made)
    exact = best(scores(questions, made))
    what = f"{pages} pages of {each} vectors"
    found, times = await asked(Hub(database, REGIONS), questions)
    rows = [Row(what, "exact candidates", times, recall(found, exact))]
    took = await indexed(database, PAGES, REGIONS, known.shape[1])
    found, times = await asked(Hub(database, REGIONS), questions)
    share = recall(found, exact)
    bound = f"<= {LONGEST} ms, recall >= {BOUND}"
    kept = times.median <= LONGEST and share >= BOUND
    return [*rows, Row(what, "index", times, share, bound, kept, took)]


async def patches(database: Database, sizes: Sequence[int], queries: int) -> list[Row]:
    """Pages of a model that sees, in a store that grows. The vectors are drawn by chance."""
    chance = np.random.default_rng(3)
    things = jittered(np.zeros((THINGS, WIDTH), np.float32), chance, 1)
    made = [_page(things, chance) for _ in range(max(sizes))]
    questions = [_question(made[number % min(sizes)], chance) for number in range(queries)]
    compared = scores(questions, made)
    await make_store(database, PATCHES, WIDTH)
    rows, filled = [], 0
    for size in sorted(sizes):
        began = time.perf_counter()
        await fill_pages(database, PATCHES, made[filled:size], filled)
        await indexed(database, PAGES, PATCHES, WIDTH)
        took = time.perf_counter() - began
        found, times = await asked(Hub(database, PATCHES), questions)
        exact = best(compared[:, :size])
        what = f"{size} pages of {SEEN} x {WIDTH}"
        right = sum(number % min(sizes) in one for number, one in enumerate(found)) / queries
        way = f"index, right page {right:.2f}"
        rows.append(Row(what, way, times, recall(found, exact), seconds=took))
        filled = size
    return rows


def _page(things: Vectors, chance: np.random.Generator) -> Vectors:
    shown = things[chance.integers(len(things), size=SEEN // THING)]
    return jittered(np.repeat(shown, THING, axis=0), chance, 0.5)


def _question(page: Vectors, chance: np.random.Generator) -> Vectors:
    return jittered(page[chance.integers(len(page), size=WORDS)], chance, 0.5)


class Hub:
    """The hub's own search."""

    def __init__(self, database: Database, store: str) -> None:
        self._pages, self._store = Pages(database), store

    async def __call__(self, question: Vectors) -> set[int]:
        pages = await self._pages.search(self._store, question, filters=None, limit=BEST)
        return {page.row.page for page in pages}


def scores(questions: Sequence[Vectors], pages: Sequence[Vectors]) -> Vectors:
    """MaxSim of every question (row) with every page (column)."""
    stacked = np.concatenate(questions)
    starts = np.cumsum([0, *(len(question) for question in questions[:-1])])
    columns = [np.add.reduceat((stacked @ page.T).max(axis=1), starts) for page in pages]
    return np.stack(columns, axis=1)


def best(compared: Vectors) -> list[set[int]]:
    return [set(map(int, np.argsort(row)[::-1][:BEST])) for row in compared]
