"""Gateways in turn, on one core; mock upstream and load generator on the other."""

import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.lane.gateways import Gateway
from bench.lane.hub import hub_process, postgres
from bench.lane.processes import Family, anonymous_mib, cpu_us, undisturbed
from bench.lane.programs import Load, LoadError, Mock, run_load
from bench.lane.rows import ROWS, Row

CONNECTIONS = 32
SPREAD = 0.333  # seconds: about one paced stream, so that streams are not in step
CUT_AFTER = 7  # lines


@dataclass
class Cost:
    """CPU microseconds of one row through one gateway, a figure for each round."""

    rounds: list[float] = field(default_factory=list)
    postgres: list[float] = field(default_factory=list)

    @property
    def least(self) -> float:
        """Whatever else the machine does can only add."""
        return min(self.rounds)


@dataclass(frozen=True)
class Growth:
    """Anonymous memory of the hub process in MiB, before and after."""

    before: float
    after: float
    requests: int
    cut: int
    open_connections: int

    @property
    def share(self) -> float:
        return self.after / self.before - 1


class Bench:
    """What all measurements share: the programs' directory, the mock and the time for each."""

    def __init__(self, directory: Path, mock: Mock, seconds: float) -> None:
        self._directory = directory
        self._mock = mock
        self._seconds = seconds

    def costs(self, row: Row, gateways: Sequence[Gateway], rounds: int) -> dict[str, Cost]:
        """CPU of each gateway's whole process tree, in rounds that take turns."""
        able = [gateway for gateway in gateways if self._warm_up(gateway, row)]
        found = {gateway.name: Cost() for gateway in able}
        for number in range(rounds):
            for gateway in able[:: 1 if number % 2 else -1]:
                self._round(gateway, row, found[gateway.name])
        return found

    def _warm_up(self, gateway: Gateway, row: Row) -> bool:
        """Whether it answers this row rightly."""
        try:
            self._load(gateway, row, seconds=0.5)
        except LoadError as error:
            if not gateway.optional:
                raise
            sys.stderr.write(f"{gateway.name} is left out of '{row.key}': {error}\n")
            return False
        return True

    def _round(self, gateway: Gateway, row: Row, cost: Cost) -> None:
        backends = postgres(gateway)
        with undisturbed(gateway.family, Family(self._mock.pid)):
            before, of_postgres = gateway.family.cpu_us(), sum(map(cpu_us, backends))
            load = self._load(gateway, row, seconds=self._seconds)
            time.sleep(gateway.settle)
            spent = gateway.family.cpu_us() - before
            of_postgres = sum(map(cpu_us, backends)) - of_postgres
        units = load.events if row.paced else load.requests
        cost.rounds.append(spent / units)
        cost.postgres.append(of_postgres / units)

    def added_p50(self, gateways: Sequence[Gateway], rounds: int) -> dict[str, float]:
        """Microseconds that a gateway adds to the median answer at a low, fixed rate."""
        direct = Gateway("direct", self._mock.port, Family(self._mock.pid))
        found: dict[str, list[float]] = {gateway.name: [] for gateway in gateways}
        for _ in range(rounds):
            for gateway in gateways:
                through = self._at_rate(gateway, gateway.rate)
                found[gateway.name].append(through - self._at_rate(direct, gateway.rate))
        return {name: statistics.median(added) for name, added in found.items()}

    def _at_rate(self, gateway: Gateway, rate: int) -> float:
        with undisturbed(gateway.family, Family(self._mock.pid)):
            return self._load(gateway, ROWS[0], seconds=self._seconds, rate=rate).p50_us

    def growth(self, gateway: Gateway, requests: int) -> Growth:
        """Memory of the hub before and after `requests` answers and a 25th of it of cut streams.

        Before them come a fifth as many, which fill what is kept for reuse.
        """
        json, _, paced, _ = ROWS
        cuts = requests // 25
        for row, options in ((json, {}), (paced, {"cut": CUT_AFTER})):
            self._load(
                gateway, row, count=max((requests if row is json else cuts) // 5, 1000), **options
            )
        hub, counted = hub_process(gateway), self._mock.counters()
        before = anonymous_mib(hub)
        self._load(gateway, json, count=requests)
        self._load(gateway, paced, count=cuts, cut=CUT_AFTER)
        time.sleep(2)
        now = self._mock.counters()
        return Growth(
            before, anonymous_mib(hub), requests, now["cut"] - counted["cut"], now["open"] - 1
        )

    def _load(self, gateway: Gateway, row: Row, **options: object) -> Load:
        if row.paced:
            options = {"connections": gateway.streams, "spread": SPREAD, **options}
        if row.lines:
            options["lines"] = row.lines + gateway.more_lines
        return run_load(
            self._directory,
            row.body,
            port=gateway.port,
            path=gateway.path,
            key=gateway.key,
            **{"connections": CONNECTIONS, **options},
        )
