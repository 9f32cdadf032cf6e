"""The lane's figures as a table."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from bench.lane.measure import Cost, Growth
from bench.lane.rows import Row

OURS, PEER = "stellwerk", "nginx"


class Report:
    """Rows as they are measured; the table at the end."""

    def __init__(self, gateways: Sequence[str]) -> None:
        self._gateways = gateways
        self._table = Table(box=None, pad_edge=False)
        for column in ("what", *gateways, f"{OURS} / {PEER}", "bound", "kept"):
            self._table.add_column(column, justify="left" if column == "what" else "right")
        self._notes: list[str] = []
        self._last = ""

    def costs(self, row: Row, costs: Mapping[str, Cost]) -> None:
        ratio = costs[OURS].least / costs[PEER].least
        cells = [f"{costs[name].least:.1f}" if name in costs else "-" for name in self._gateways]
        self._add(row.title, cells, f"{ratio:.2f}", f"<= {row.bound:.1f} x", ratio <= row.bound)
        rounds = ", ".join(
            f"{name} {' '.join(f'{us:.1f}' for us in cost.rounds)}" for name, cost in costs.items()
        )
        share = min(costs[OURS].postgres)
        self._notes.append(f"{row.key}: {rounds}; PostgreSQL's share {share:.1f}")
        if row.key == "json":
            self._last = f"lane {ratio:.1f} x nginx"

    def latency(self, added: Mapping[str, float]) -> None:
        more = added[OURS] - added[PEER]
        cells = [f"{added[name]:.0f}" for name in self._gateways]
        self._add("added p50 at a low rate, us", cells, f"+ {more:.0f}", "<= + 500", more <= 500)

    def memory(self, pss: float) -> None:
        self._add("hub process, PSS MiB", self._only(f"{pss:.1f}"), "", "<= 128", pss <= 128)

    def growth(self, growth: Growth) -> None:
        what = f"memory it made, over {growth.requests:,} requests, {growth.cut:,} cut streams"
        cells = self._only(f"{growth.before:.1f} -> {growth.after:.1f}")
        self._add(what, cells, f"{growth.share:+.1%}", "<= 5 %", growth.share <= 0.05)
        self._notes.append(f"growth: {growth.open_connections} connections to the upstream open")

    def _only(self, ours: str) -> list[str]:
        return [ours if name == OURS else "" for name in self._gateways]

    def _add(self, what: str, cells: list[str], ratio: str, bound: str, kept: bool) -> None:
        self._table.add_row(what, *cells, ratio, bound, "yes" if kept else "NO")

    def print(self) -> None:
        console = Console(width=140)
        console.print(self._table)
        for note in self._notes:
            console.print(note, highlight=False, soft_wrap=True)
        if self._last:
            console.print(self._last, highlight=False)
