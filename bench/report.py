"""Figures as a table, each beside its peer from the same run."""

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One measured quantity through the hub, its peer, and the bound that it has to keep."""

    what: str
    hub: float
    peer: float
    unit: str
    bound: str
    kept: bool

    @property
    def ratio(self) -> float:
        return self.hub / self.peer


def print_table(figures: list[Figure]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("what", "hub", "bare", "unit", "hub / bare", "bound", "kept"):
        table.add_column(column)
    for figure in figures:
        table.add_row(
            figure.what,
            f"{figure.hub:.2f}",
            f"{figure.peer:.2f}",
            figure.unit,
            f"{figure.ratio:.3f}",
            figure.bound,
            "yes" if figure.kept else "NO",
        )
    Console(width=120).print(table)
