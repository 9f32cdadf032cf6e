"""What one key has to pass for one model, and the permit that it gets."""

from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Any

from stellwerk.features.limits.headers import lines
from stellwerk.features.limits.types import Demand, Kind
from stellwerk.features.limits.window import Bin, Cell

# Where a kind's amount stands in a `Demand`.
PLACE = {
    Kind.INPUT: 0,
    Kind.OUTPUT: 1,
    Kind.MONTHLY: 2,
    Kind.PREPAID: 2,
    Kind.REQUESTS: 3,
    Kind.CONCURRENT: 3,
}
ONE = 3


class Gate:
    """The cells of a key, its project and a model.

    A request takes of each cell of `takes` what stands at this place of its `Demand`; those of
    `sized` are corrected when it is known what it used, those of `slots` come back.
    """

    __slots__ = (
        "inputs",
        "limits",
        "model_limits",
        "requests",
        "sized",
        "slots",
        "takes",
        "tokens",
    )

    def __init__(self, cells: Iterable[Cell], limits: Any, model_limits: Any) -> None:
        every = tuple(cells)
        # The very objects that it was made from: others mean that a limit may have changed.
        self.limits = limits
        self.model_limits = model_limits
        self.takes = tuple((cell, PLACE[cell.kind]) for cell in every)
        self.slots = tuple(cell for cell in every if cell.kind is Kind.CONCURRENT)
        self.requests = tuple(cell for cell in every if cell.kind is Kind.REQUESTS)
        self.inputs = tuple(cell for cell in every if cell.kind is Kind.INPUT)
        self.tokens = tuple(cell for cell in every if cell.kind in {Kind.INPUT, Kind.OUTPUT})
        self.sized = tuple((cell, place) for cell, place in self.takes if place != ONE)

    def short(self, demand: Demand) -> Sequence[tuple[Cell, int]]:
        """The cells that have not enough free, and how much the request takes of them."""
        return [(cell, demand[at]) for cell, at in self.takes if cell.free < demand[at]]


class Permit:
    """One admitted request. It holds its reservations until it is settled."""

    __slots__ = ("_bins", "_demand", "_gate", "_open")

    def __init__(self, gate: Gate, demand: Demand) -> None:
        self._gate = gate
        self._demand = demand
        self._bins: tuple[Bin, ...] = (
            tuple([cell.bin for cell in gate.inputs]) if gate.inputs else ()
        )
        self._open = True

    @property
    def lines(self) -> bytes:
        """`x-ratelimit-*` of what is limited, as it stands now: lines of HTTP/1.1."""
        return lines(self._gate.requests, self._gate.tokens)

    def settle(self, input_tokens: int, output_tokens: int, cost: int) -> None:
        """The request is over and used this much (`cost`: nano-units). The first call counts."""
        if not self._open:
            return
        self._open = False
        gate = self._gate
        for cell in gate.slots:
            if cell.shared > 0:
                cell.release(1, monotonic())
            else:
                cell.free += 1
        if gate.sized:
            self._correct((input_tokens, output_tokens, cost))

    def _correct(self, used: tuple[int, int, int]) -> None:
        bins = iter(self._bins)
        for cell, place in self._gate.sized:
            at = next(bins) if place == 0 else cell.bin
            cell.correct(self._demand[place], used[place], at)


class FreePermit(Permit):
    """Of a request that nothing limits. There is one for all."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(Gate((), None, None), Demand())

    @property
    def lines(self) -> bytes:
        return b""

    def settle(self, input_tokens: int, output_tokens: int, cost: int) -> None:
        """Nothing was taken."""
