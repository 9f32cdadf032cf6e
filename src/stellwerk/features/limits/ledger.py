"""The shares of all processes, in PostgreSQL. Time is PostgreSQL's alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, func, insert, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from stellwerk.data.database import Database
from stellwerk.data.notify import notify
from stellwerk.features.limits.process import Process
from stellwerk.features.limits.shares import share
from stellwerk.features.limits.tables import leases, pools, processes
from stellwerk.features.limits.types import WINDOW, Ask, Grant

CHANNEL = "limits"


def _seconds(number: Any) -> Any:
    return func.make_interval(0, 0, 0, 0, 0, 0, number)


ALIVE = processes.c.ends_at > func.now()
# A share counts until all that was used of it has left the window.
COUNTS = processes.c.ends_at + _seconds(leases.c.window) > func.now()
# Every second in each process, so not put together each time.
RENEW = (
    update(processes)
    .where(processes.c.id == bindparam("this"), ALIVE)
    .values(ends_at=func.now() + _seconds(bindparam("grace")))
    .returning(func.now())
)
OTHERS = select(processes).where(ALIVE, processes.c.id != bindparam("this"))


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the database said: its time, the other processes, and a grant for each ask."""

    now: datetime
    others: Sequence[Process]
    grants: dict[str, Grant] = field(default_factory=dict)


class Ledger:
    """What processes hold. A process whose time ran out holds nothing and must `enter` anew."""

    def __init__(self, database: Database, grace: float) -> None:
        self._database = database
        self._grace = grace

    async def enter(self, process: Process) -> None:
        """Register a process."""
        values = {
            "id": process.id,
            "machine": process.machine,
            "pid": process.pid,
            "started": process.started,
            "ends_at": func.now() + _seconds(self._grace),
        }
        async with self._database.begin() as connection:
            await connection.execute(insert(processes).values(values))

    async def exchange(self, process: Process, asks: Sequence[Ask]) -> Exchange | None:
        """Renew the process's time and settle what it tells and asks, all or nothing.

        None when the process's time had run out: what it held is no longer its own.
        """
        this = {"this": process.id}
        async with self._database.begin() as connection:
            now = await connection.scalar(RENEW, this | {"grace": self._grace})
            if now is None:
                return None
            others = [_process(row) for row in await connection.execute(OTHERS, this)]
            if not asks:
                return Exchange(now, others)
            grants = await _settle(connection, process, asks, alone=not others)
            return Exchange(now, others, grants)

    async def leave(self, process: Process, asks: Sequence[Ask]) -> None:
        """The process ends in order: only what it used is kept, for as long as it counts."""
        async with self._database.begin() as connection:
            await _settle(connection, process, asks, alone=False)
        async with self._database.begin() as connection:
            await _end(connection, process)
            await _fold(connection, [process.id], windowed=False)

    async def forget(self, before: Process) -> None:
        """A process tells under a new name all that it used as `before`."""
        async with self._database.begin() as connection:
            await _fold(connection, [before.id], windowed=True, charged=False)

    async def ended(self, process: Process) -> None:
        """Another process was found dead."""
        async with self._database.begin() as connection:
            await _end(connection, process)

    async def bury(self) -> None:
        """Forget processes whose uses all have left the window; what they spent stays spent."""
        over = processes.c.ends_at + _seconds(WINDOW) < func.now()
        query = select(processes.c.id).where(over).with_for_update(skip_locked=True)
        async with self._database.begin() as connection:
            dead = list((await connection.execute(query)).scalars())
            if dead:
                await _fold(connection, dead, windowed=True, charged=True)
                await connection.execute(delete(processes).where(processes.c.id.in_(dead)))


async def _end(connection: AsyncConnection, process: Process) -> None:
    statement = update(processes).where(processes.c.id == process.id, ALIVE)
    await connection.execute(statement.values(ends_at=func.now()))


async def _settle(
    connection: AsyncConnection, process: Process, asks: Sequence[Ask], *, alone: bool
) -> dict[str, Grant]:
    if not asks:
        return {}
    names = [ask.pool for ask in asks]
    rows = [{"id": name} for name in sorted(names)]
    await connection.execute(upsert(pools).values(rows).on_conflict_do_nothing())
    spent = await _locked(connection, names)
    held = await _held_by_others(connection, process, names)
    grants = {}
    for ask in asks:
        theirs = held.get(ask.pool)
        others, their_spent, holders = theirs or (0, 0, 0)
        whole = spent[ask.pool] + their_spent + ask.spent
        grants[ask.pool] = share(
            ask, others=others, spent=whole, holders=holders, alone=alone and not holders
        )
    await _write(connection, process, asks, grants)
    for ask in asks:
        grant = grants[ask.pool]
        if ask.need and not grant.added and grant.others:
            await notify(connection, CHANNEL, f"{process.id} {ask.pool}")
    return grants


async def _locked(connection: AsyncConnection, names: Sequence[str]) -> dict[str, int]:
    """Money that the dead have spent of each pool. Always locked in one order: no deadlock."""
    query = select(pools).where(pools.c.id.in_(names)).order_by(pools.c.id).with_for_update()
    return {row.id: row.spent for row in await connection.execute(query)}


async def _held_by_others(
    connection: AsyncConnection, process: Process, names: Sequence[str]
) -> dict[str, tuple[int, int, int]]:
    """Pool -> what others hold, have spent, and how many of them hold something."""
    counts = and_(leases.c.held > 0, COUNTS)
    query = (
        select(
            leases.c.pool_id,
            func.coalesce(func.sum(leases.c.held).filter(counts), 0),
            # The reservations of the dead count as spent: they may have been.
            func.sum(leases.c.spent)
            + func.coalesce(
                func.sum(leases.c.reserved).filter(or_(~COUNTS, processes.c.id.is_(None))), 0
            ),
            func.count().filter(counts),
        )
        .select_from(leases.outerjoin(processes, processes.c.id == leases.c.process_id))
        .where(leases.c.pool_id.in_(names), leases.c.process_id != process.id)
        .group_by(leases.c.pool_id)
    )
    found = await connection.execute(query)
    return {pool: (int(held), int(spent), holders) for pool, held, spent, holders in found}


async def _write(
    connection: AsyncConnection,
    process: Process,
    asks: Sequence[Ask],
    grants: dict[str, Grant],
) -> None:
    rows = [
        {
            "pool_id": ask.pool,
            "process_id": process.id,
            "window": ask.window,
            "held": ask.held + grants[ask.pool].added,
            "spent": ask.spent,
            "reserved": ask.reserved,
        }
        for ask in asks
    ]
    statement = upsert(leases).values(rows)
    changed = {name: statement.excluded[name] for name in ("held", "spent", "reserved")}
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["pool_id", "process_id"], set_=changed)
    )
    empty = (leases.c.held == 0) & (leases.c.spent == 0) & (leases.c.process_id == process.id)
    await connection.execute(delete(leases).where(empty))


async def _fold(
    connection: AsyncConnection, dead: Sequence[str], *, windowed: bool, charged: bool = False
) -> None:
    """Take leases of processes out; what they spent, and if `charged` reserved, is kept."""
    kept = true() if windowed else leases.c.window == 0.0
    of_dead = and_(leases.c.process_id.in_(dead), kept)
    names = (await connection.execute(select(leases.c.pool_id).where(of_dead))).scalars()
    await _locked(connection, sorted(set(names)))
    columns = (leases.c.pool_id, leases.c.spent, leases.c.reserved)
    gone = delete(leases).where(of_dead).returning(*columns)
    for row in (await connection.execute(gone)).all():
        money = row.spent + (row.reserved if charged else 0)
        if money:
            added = update(pools).where(pools.c.id == row.pool_id)
            await connection.execute(added.values(spent=pools.c.spent + money))


def _process(row: Row[Any]) -> Process:
    return Process(row.id, row.machine, row.pid, row.started)
