"""`python -m bench.queue`: the queue beside pgqueuer, on one PostgreSQL, in interleaved rounds."""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from bench.lane.processes import Family
from bench.queue.waiting import fairness
from stellwerk.base.log import configure
from stellwerk.data.database import Database
from stellwerk.migrations import upgrade
from stellwerk.supervisor.postgres import EmbeddedPostgres
from stellwerk.supervisor.postgres_socket import socket_directory

PEERS = Path("~/.cache/stellwerk/bench-peers/bin/python").expanduser()
ROOT = Path(__file__).parent.parent.parent
CLIENTS = 64
IDLE = 50
# Seconds for which what ended is kept where tables are looked at.
KEPT = 1


@dataclass
class Took:
    """What some jobs took: the rate, and microseconds of CPU of program and PostgreSQL a job."""

    rate: float
    program: float
    postgres: float

    @property
    def cpu(self) -> float:
        return self.program + self.postgres


class Subject:
    """A program that runs jobs on a database of its own."""

    def __init__(self, command: Sequence[str], postgres: Family) -> None:
        self._postgres = postgres
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def ask(self, count: int) -> dict[str, list[float]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        told: dict[str, list[float]] = json.loads(self._process.stdout.readline())
        return told

    def run(self, count: int) -> Took:
        before = self._postgres.cpu_us()
        told = self.ask(count)
        postgres = (self._postgres.cpu_us() - before) / count
        seconds, cpu = float(told["seconds"]), float(told["cpu"])  # type: ignore[arg-type]
        return Took(count / seconds, cpu * 1e6 / count, postgres)

    def delay(self) -> float:
        """Milliseconds from the call that puts a job in to its start, when nothing else runs."""
        return statistics.median(self.ask(-IDLE)["delays"]) * 1000


@asynccontextmanager
async def databases() -> AsyncIterator[tuple[str, str, Family]]:
    """One PostgreSQL: the addresses of a database for each subject, and its processes."""
    with tempfile.TemporaryDirectory(prefix="stellwerk-bench-") as directory:
        place = Path(directory)
        place.chmod(0o755)
        async with EmbeddedPostgres(
            directory=place / "postgres", run_dir=socket_directory(place), version=18
        ) as postgres:
            pid = int((place / "postgres" / "postmaster.pid").read_text().split()[0])
            async with (
                Database(postgres.dsn, pool_size=1) as server,
                server.connect() as connection,
            ):
                for name in ("ours", "peer"):
                    await connection.execute(text(f"create database {name}"))
            ours, peer = (
                postgres.dsn.replace("/postgres?", f"/{name}?") for name in ("ours", "peer")
            )
            await upgrade(ours)
            yield ours, peer, Family(pid)


def compare(ours: Subject, peer: Subject | None, rounds: int, jobs: int) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("what", "queue", "pgqueuer + result row", "ratio", "bound", "kept"):
        table.add_column(column)
    subjects = [ours, peer] if peer else [ours]
    took: list[list[Took]] = [[] for _ in subjects]
    for subject in subjects:
        subject.run(max(jobs // 10, 100))
    for number in range(rounds):
        order = list(enumerate(subjects))
        for place, subject in order if number % 2 else reversed(order):
            took[place].append(subject.run(jobs))
    rates = [statistics.median(one.rate for one in each) for each in took]
    costs = [statistics.median(one.cpu for one in each) for each in took]
    shares = [statistics.median(one.postgres for one in each) for each in took]
    _row(table, "jobs/s", rates, (1.0, True))
    _row(table, "CPU us a job", costs, (1.0, False))
    _row(table, "of it PostgreSQL", shares, None)
    delays = [subject.delay() for subject in subjects]
    table.add_row(
        "idle: put in to start, p50, ms",
        *(f"{delay:.1f}" for delay in delays),
        *([""] if peer else ["", ""]),
        "<= 20 ms",
        "yes" if delays[0] <= 20 else "NO",
    )
    return table


def _row(table: Table, what: str, values: list[float], bound: tuple[float, bool] | None) -> None:
    if len(values) < 2:
        table.add_row(what, f"{values[0]:.0f}", "not installed", "", "", "")
        return
    ratio = values[0] / values[1]
    told, kept = "", ""
    if bound is not None:
        least, more = bound
        told = f"{'>=' if more else '<='} {least}"
        kept = "yes" if (ratio >= least if more else ratio <= least) else "NO"
    table.add_row(what, *(f"{value:.0f}" for value in values), f"{ratio:.2f}", told, kept)


async def growth(dsn: str, postgres: Family, jobs: int) -> list[float]:
    """MiB of the table after each quarter of `jobs`, where what ended is kept for a second."""
    command = [sys.executable, "-m", "bench.queue.ours", dsn, str(CLIENTS), str(KEPT)]
    sizes = []
    async with Database(dsn, pool_size=1) as database:
        with Subject(command, postgres) as subject:
            for _ in range(4):
                await asyncio.to_thread(subject.run, jobs // 4)
                async with database.connect() as connection:
                    query = text("select pg_total_relation_size('requests')")
                    sizes.append((await connection.scalar(query) or 0) / 2**20)
    return sizes


async def measure(rounds: int, jobs: int, kept: int) -> None:
    console = Console(width=120)
    async with databases() as (ours, peer, postgres):
        with ExitStack() as stack:
            command = [sys.executable, "-m", "bench.queue.ours", ours, str(CLIENTS), "86400"]
            first = stack.enter_context(Subject(command, postgres))
            second = None
            if PEERS.exists():
                program = [str(PEERS), "-m", "bench.queue.peer", peer, str(CLIENTS)]
                second = stack.enter_context(Subject(program, postgres))
            console.print(await asyncio.to_thread(compare, first, second, rounds, jobs))
        console.print(await fairness(ours))
        sizes = await growth(ours, postgres, kept)
    shown = ", ".join(f"{size:.1f}" for size in sizes)
    console.print(f"table of requests after each quarter of {kept} jobs: {shown} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2000, help="of each round")
    parser.add_argument("--kept", type=int, default=100_000, help="of the look at the tables")
    options = parser.parse_args()
    configure("warning", "json")
    asyncio.run(measure(options.rounds, options.jobs, options.kept))


if __name__ == "__main__":
    main()
