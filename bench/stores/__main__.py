"""`python -m bench.stores`: how fast large vector stores answer, what they find, how they fill.

`texts`: the hub's own search over real texts' vectors, with the store's index beside its search
without one; the same for 200,000 jittered copies, with the curve. `pages`: multi-vectors drawn from
the same vectors with jitter, MaxSim by the hub's search beside a comparison with every page.
`patches`: the same for as many and as long vectors as ColQwen gives, drawn by chance. Questions are
vectors of the set with jitter of their own. `ingest`: a whole hub beside the bare reader and
embedder.
"""

import argparse
import asyncio
import os
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.report import print_table
from bench.stores import chunks, ingesting, maxsim
from bench.stores.filled import prepare
from bench.stores.searching import BEST, Row
from bench.stores.texts import vectors
from stellwerk.base.settings import Settings
from stellwerk.compose.database import open_database

PARTS = ("texts", "pages", "patches", "ingest")
SIZES = (250, 500, 1000, 2000)


async def search(options: argparse.Namespace, parts: set[str], data_dir: Path) -> None:
    """Print the rows of each part when it is done: all of them take long."""
    async with open_database(Settings(data_dir=data_dir)) as database:
        await prepare(database)
        if parts & {"texts", "pages"}:
            known = await asyncio.to_thread(vectors, options.texts, options.weights)
        if "texts" in parts:
            print_rows(await chunks.measure(database, known, options.large, options.queries))
        if "pages" in parts:
            given = (options.pages, options.vectors, options.queries)
            print_rows(await maxsim.regions(database, known, *given))
        if "patches" in parts:
            print_rows(await maxsim.patches(database, options.sizes, min(options.queries, 40)))


def print_rows(rows: list[Row]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("what", "way", "ms", "ms, p95", f"recall@{BEST}", "s to build", "bound", "kept"):
        table.add_column(column)
    for row in rows:
        built = "" if row.seconds is None else f"{row.seconds:.0f}"
        kept = ("yes" if row.kept else "NO") if row.bound else ""
        figures = (f"{row.times.median:.1f}", f"{row.times.slow:.1f}", f"{row.recall:.3f}")
        table.add_row(row.what, row.way, *figures, built, row.bound, kept)
    Console(width=140).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    weights = Path("~/.cache/stellwerk/weights").expanduser()
    parser.add_argument("--weights", type=Path, default=weights)
    parser.add_argument("--parts", default=",".join(PARTS), help="some of these, with commas")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="pages of `patches`")
    numbers = {
        "texts": 20_000,
        "large": 200_000,
        "pages": 5000,
        "vectors": 32,
        "queries": 100,
        "rounds": 3,
    }
    for name, number in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=number)
    options = parser.parse_args()
    parts = set(options.parts.split(","))
    print("load average:", *(f"{load:.1f}" for load in os.getloadavg()))
    if parts - {"ingest"}:
        with tempfile.TemporaryDirectory(prefix="stellwerk-bench-") as directory:
            Path(directory).chmod(0o711)
            asyncio.run(search(options, parts, Path(directory)))
    if "ingest" in parts:
        print_table(asyncio.run(ingesting.measure(options.weights, options.rounds)))
    print("load average:", *(f"{load:.1f}" for load in os.getloadavg()))


if __name__ == "__main__":
    main()
