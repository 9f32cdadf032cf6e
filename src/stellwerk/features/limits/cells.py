"""All cells and gates of one process."""

from collections.abc import Iterator
from datetime import UTC, datetime

from stellwerk.base.limits import Limits
from stellwerk.features.keys.types import Principal
from stellwerk.features.limits.gate import Gate
from stellwerk.features.limits.types import Holder, Kind
from stellwerk.features.limits.window import Cell

# Gates are cheap to make anew.
MOST_GATES = 200_000


class Cells:
    """Makes gates from limits. There is one cell for a limit, however many gates use it."""

    def __init__(self) -> None:
        self.gates: dict[str, dict[str, Gate]] = {}
        self._count = 0
        self._by_pool: dict[str, Cell] = {}
        self._month = ""

    def __iter__(self) -> Iterator[Cell]:
        return iter(list(self._by_pool.values()))

    def get(self, pool: str) -> Cell | None:
        return self._by_pool.get(pool)

    def gate(self, principal: Principal, model_id: str, model_limits: Limits | None) -> Gate:
        """The gate of a key for a model, made anew when a limit may have changed."""
        limits = principal.limits
        found: list[Cell] = []
        if limits is not None:
            key = Holder("key", principal.key_id, f"The API key {principal.key_name!r}")
            project = Holder(
                "project", principal.project_id, f"The project {limits.project_name!r}"
            )
            found += self._of(key, limits.key)
            found += self._of(project, limits.project)
        model = Holder("model", model_id, f"The model {model_id!r}")
        found += self._of(model, model_limits)
        if self._count >= MOST_GATES:
            self.forget()
        gate = Gate(found, limits, model_limits)
        self.gates.setdefault(principal.key_id, {})[model_id] = gate
        self._count += 1
        return gate

    def _of(self, holder: Holder, limits: Limits | None) -> Iterator[Cell]:
        if limits is None:
            return
        for kind in Kind:
            limit = kind.of(limits)
            if limit is not None:
                yield self._cell(holder, kind, limit)

    def _cell(self, holder: Holder, kind: Kind, limit: int) -> Cell:
        pool = f"{holder.scope}:{holder.id}:{kind.name.lower()}"
        if kind is Kind.MONTHLY:
            pool = f"{pool}:{self._month}"
        cell = self._by_pool.get(pool)
        if cell is None:
            cell = self._by_pool[pool] = Cell(pool, kind, limit, holder.words)
        elif (cell.limit, cell.words) != (limit, holder.words):
            cell.change(limit, holder.words)
        return cell

    def turn(self, now: datetime) -> None:
        """Begin a new month where one has begun. Requests that run are paid by the old one."""
        month = now.astimezone(UTC).strftime("%Y-%m")
        if month <= self._month:
            return
        self._month = month
        for cell in self:
            cell.retired = cell.retired or cell.kind is Kind.MONTHLY
        self.forget()

    def forget(self) -> None:
        """Make all gates anew when they are needed."""
        self.gates.clear()
        self._count = 0

    def drop(self) -> None:
        """Forget cells that nothing is held of, and months that are settled."""
        idle = [cell for cell in self if cell.idle or (cell.retired and cell.settled)]
        for cell in idle:
            del self._by_pool[cell.pool]
        if idle:
            # No gate may keep a cell that another gate would make a second time.
            self.forget()
