"""Admission: whether a request may run, decided in memory, shared through leased slices."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from stellwerk.base.limits import Limits
from stellwerk.data.database import Database
from stellwerk.features.keys.types import Principal
from stellwerk.features.limits.cells import Cells
from stellwerk.features.limits.errors import LimitsUnavailableError
from stellwerk.features.limits.gate import FreePermit, Gate, Permit
from stellwerk.features.limits.leases import Leases
from stellwerk.features.limits.ledger import Ledger
from stellwerk.features.limits.metrics import LimitMetrics
from stellwerk.features.limits.refusals import refusal
from stellwerk.features.limits.types import Demand

FREE = FreePermit()

# Seconds between looks at the pool while other processes are asked to give.
PAUSES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3)


class Admission:
    """Admits requests of one process. Made by `admission`, which also keeps its leases."""

    def __init__(self, cells: Cells, leases: Leases, metrics: LimitMetrics) -> None:
        self._cells = cells
        self._gates = cells.gates
        self._leases = leases
        self._metrics = metrics

    def admit(
        self, principal: Principal, model_id: str, model_limits: Limits | None, demand: Demand
    ) -> Permit | None:
        """A permit, from all limits or none; or None: a slice must be leased, `admit_waiting`.

        Raises `RateLimitedError`, `BudgetExceededError`, and `LimitsUnavailableError` when the
        database has been away for too long. Does no I/O.
        """
        limits = principal.limits
        if limits is None and model_limits is None:
            return FREE
        gates = self._gates.get(principal.key_id)
        gate = gates.get(model_id) if gates is not None else None
        if gate is None or gate.limits is not limits or gate.model_limits is not model_limits:
            gate = self._cells.gate(principal, model_id, model_limits)
        leases = self._leases
        if monotonic() >= leases.until:
            raise LimitsUnavailableError
        for cell, place in gate.takes:
            if cell.free < demand[place]:
                return self._short(gate, demand)
        for cell, place in gate.takes:
            free = cell.free = cell.free - demand[place]
            if free < cell.low:
                leases.ahead(cell)
        return Permit(gate, demand)

    async def admit_waiting(
        self, principal: Principal, model_id: str, model_limits: Limits | None, demand: Demand
    ) -> Permit:
        """As `admit`, and lease what is missing: it waits for the database, at most for a second.

        Raises `LimitsUnavailableError` too when the database is away and the slices in hand do not
        suffice.
        """
        for pause in PAUSES:
            if pause:
                await asyncio.sleep(pause)
            permit = self.admit(principal, model_id, model_limits, demand)
            if permit is not None:
                return permit
            gate = self._gates[principal.key_id][model_id]
            await self._leases.lease(gate.short(demand))
        permit = self.admit(principal, model_id, model_limits, demand)
        if permit is not None:
            return permit
        gate = self._gates[principal.key_id][model_id]
        cell, amount = gate.short(demand)[0]
        self._metrics.refused(cell)
        raise refusal(gate, cell, amount, monotonic())

    def _short(self, gate: Gate, demand: Demand) -> Permit | None:
        """Something is used up, as far as this process knew until now."""
        now = monotonic()
        for cell, _ in gate.short(demand):
            # Not at every refusal: a bin is the price of it.
            if now >= cell.rolled + 0.1:
                cell.roll(now)
        short = gate.short(demand)
        if not short:
            return self._take(gate, demand)
        for cell, amount in short:
            if cell.whole or amount > cell.limit or now < cell.dry:
                self._leases.refused(cell, amount)
                self._metrics.refused(cell)
                raise refusal(gate, cell, amount, now)
        return None

    def _take(self, gate: Gate, demand: Demand) -> Permit:
        for cell, place in gate.takes:
            cell.free -= demand[place]
        return Permit(gate, demand)

    async def wanted(self, message: str) -> None:
        """Another process waits for a part of a limit: what is heard on `CHANNEL`."""
        self._leases.wanted(message)


@asynccontextmanager
async def admission(
    database: Database, grace: float, metrics: LimitMetrics
) -> AsyncIterator[Admission]:
    """An admission whose leases are kept until the context ends, and then given back."""
    cells = Cells()
    leases = Leases(Ledger(database, grace), cells, grace)
    await leases.open()
    # Should the keeper of the leases fail, limits would no longer hold: it takes the hub along.
    async with asyncio.TaskGroup() as group:
        task = group.create_task(leases.keep())
        try:
            yield Admission(cells, leases, metrics)
        finally:
            task.cancel()
            await asyncio.wait([task])
            await leases.close()
