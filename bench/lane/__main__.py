"""`make bench-lane`: what the hub adds to an upstream, beside nginx and other gateways.

Gateways share one core and take turns; a mock upstream and the load generator share another. A
figure is the CPU time of a gateway's whole process tree, PostgreSQL included, for one request, the
least of all rounds. Peers other than nginx take part when `make bench-peers` has installed them.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.lane.gateways import Gateway, litellm, nginx, vllm_router
from bench.lane.hub import hub, hub_process
from bench.lane.measure import Bench
from bench.lane.processes import Family, pss_mib, two_cores
from bench.lane.programs import Mock, compile_programs, running_mock
from bench.lane.report import Report
from bench.lane.rows import ROWS

PEERS = Path("~/.cache/stellwerk/bench-peers/bin").expanduser()
SHORT = (*(row.key for row in ROWS), "latency", "memory")
ALL = (*SHORT, "growth")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-lane", description=__doc__)
    parser.add_argument("--rows", default=",".join(SHORT), help=f"some of {','.join(ALL)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="of load in each round")
    parser.add_argument("--requests", type=int, default=500_000, help="of the growth row")
    parser.add_argument("--full", action="store_true", help="all rows")
    parser.add_argument("--peers", type=Path, default=PEERS, help="where bench-peers put them")
    options = parser.parse_args()
    rows = set(ALL) if options.full else set(options.rows.split(","))
    if unknown := rows - set(ALL):
        parser.error(f"--rows: there is no {', '.join(sorted(unknown))}")
    measure(rows, options).print()


def measure(rows: set[str], options: argparse.Namespace) -> Report:
    """Start everything on the loopback interface and measure `rows`."""
    first, second = two_cores()
    os.sched_setaffinity(0, {second})
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        compile_programs(directory)
        with running_mock(directory) as mock, running(directory, mock, options.peers) as gateways:
            for gateway in gateways:
                gateway.family.pin(first)
            Family(mock.pid).pin(second)
            bench = Bench(directory, mock, options.seconds)
            return fill(bench, gateways, rows, options)


@contextmanager
def running(directory: Path, mock: Mock, peers: Path) -> Iterator[list[Gateway]]:
    """Our hub, nginx and the peers that are installed."""
    with ExitStack() as stack:
        gateways = [
            stack.enter_context(hub(directory, mock.url)),
            stack.enter_context(nginx(directory, mock.port)),
        ]
        if (peers / "vllm-router").exists():
            gateways.append(stack.enter_context(vllm_router(mock.port, peers)))
        if (peers / "litellm").exists():
            gateways.append(stack.enter_context(litellm(directory, mock.port, peers)))
        yield gateways


def fill(
    bench: Bench, gateways: list[Gateway], rows: set[str], options: argparse.Namespace
) -> Report:
    report = Report([gateway.name for gateway in gateways])
    for row in ROWS:
        if row.key in rows:
            report.costs(row, bench.costs(row, gateways, options.rounds))
    if "latency" in rows:
        report.latency(bench.added_p50(gateways, options.rounds))
    if "memory" in rows:
        report.memory(pss_mib(hub_process(gateways[0])))
    if "growth" in rows:
        report.growth(bench.growth(gateways[0], options.requests))
    return report


if __name__ == "__main__":
    main()
