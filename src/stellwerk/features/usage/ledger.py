"""Writes batches of rows into PostgreSQL, each exactly once, and keeps the tables in order."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Any

import asyncpg

from stellwerk.base.log import get_logger
from stellwerk.data.database import Database
from stellwerk.features.usage.copying import COLUMNS, encode
from stellwerk.features.usage.partitions import day_of, days_ahead, drop_before, make, name_of
from stellwerk.features.usage.totals import HOUR, Group, Grouped, grouped, sums
from stellwerk.features.usage.types import Batch, UsageRow

log = get_logger("usage")

# Seconds that one transaction may take before it counts as lost.
PATIENCE = 5.0
CHORES_EVERY = 3600.0
FORGET_AT_ONCE = 20_000

CLAIM = """
    insert into usage_writers as known (id, sequence) values ($1, $2)
    on conflict (id) do update set sequence = excluded.sequence, changed_at = now()
    where known.sequence < excluded.sequence
    returning true
"""

FORGET = """
    delete from usage_hours
    where ctid = any(array(select ctid from usage_hours where hour < $1 limit $2))
"""

# Its columns are the fields of `Group` and `Sums`.
ADD = """
    insert into usage_hours as known (
        hour, key_id, project_id, model, target, operation,
        requests, errors, estimated, prompt_tokens, cached_tokens, completion_tokens, cost
    )
    select * from unnest(
        $1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
        $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[],
        $13::bigint[]
    )
    on conflict (hour, key_id, project_id, model, target, operation) do update set
        requests = known.requests + excluded.requests,
        errors = known.errors + excluded.errors,
        estimated = known.estimated + excluded.estimated,
        prompt_tokens = known.prompt_tokens + excluded.prompt_tokens,
        cached_tokens = known.cached_tokens + excluded.cached_tokens,
        completion_tokens = known.completion_tokens + excluded.completion_tokens,
        cost = known.cost + excluded.cost
"""


class Ledger:
    """One connection that writes; it is opened when it is needed and given up when it fails.

    `rows_kept` and `totals_kept` tell for how long rows and totals are kept. `write` raises what
    asyncpg raises, `OSError`, or `TimeoutError`; the same batch may then be handed in again.
    """

    def __init__(self, database: Database, *, rows_kept: timedelta, totals_kept: timedelta) -> None:
        self._database = database
        self._rows_kept = rows_kept
        self._totals_kept = totals_kept
        self._connection: Any = None
        self._days: set[date] = set()
        self._chores_at = 0.0

    async def write(self, batch: Batch) -> bool:
        """Add the rows and their totals; False, and nothing is added, where they were before."""
        try:
            async with asyncio.timeout(PATIENCE):
                connection = await self._open()
                return await self._write(connection, batch)
        except BaseException:
            # What its transaction has come to is not known: the sequence tells the next time.
            self.close()
            raise

    def close(self) -> None:
        if self._connection is not None:
            # A close that waits for the server's answer could wait on a dead line.
            self._connection.terminate()
            self._connection = None

    async def _open(self) -> Any:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._database.connection()
            self._days.clear()
        return self._connection

    async def _write(self, connection: Any, batch: Batch) -> bool:
        days = _by_day(batch)
        if not days.keys() <= self._days:
            await make(connection, days)
            self._days |= days.keys()
        try:
            return await _insert(connection, batch, days)
        except asyncpg.UndefinedTableError:
            # Another process has dropped the partition of a day that was over long ago.
            await make(connection, days)
            return await _insert(connection, batch, days)

    async def chores(self) -> None:
        """Each hour: make the partitions of the next days, drop what has been kept long enough.

        Raises what `write` raises.
        """
        now = asyncio.get_running_loop().time()
        if now < self._chores_at:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                more = await self._tidy(await self._open())
        except BaseException:
            self.close()
            raise
        self._chores_at = now if more else now + CHORES_EVERY

    async def _tidy(self, connection: Any) -> bool:
        """Whether more is to be deleted than one go should."""
        today = datetime.now(UTC).date()
        ahead = days_ahead(today)
        await make(connection, ahead)
        self._days = set(ahead)
        if dropped := await drop_before(connection, today - self._rows_kept):
            log.info("usage rows were kept long enough", dropped=dropped)
        oldest = datetime.now(UTC) - self._totals_kept
        # A batch that waits in a file longer than totals are kept is none that is missed.
        await connection.execute("delete from usage_writers where changed_at < $1", oldest)
        deleted = await connection.execute(FORGET, oldest, FORGET_AT_ONCE)
        return bool(deleted == f"DELETE {FORGET_AT_ONCE}")


def _by_day(batch: Batch) -> dict[date, dict[Group, Sequence[UsageRow]]]:
    days: dict[date, dict[Group, Sequence[UsageRow]]] = {}
    for group, rows in grouped(batch.rows).items():
        days.setdefault(day_of(group.hour * HOUR), {})[group] = rows
    return days


async def _insert(connection: Any, batch: Batch, days: Mapping[date, Grouped]) -> bool:
    async with connection.transaction():
        if not await connection.fetchval(CLAIM, batch.writer, batch.sequence):
            return False
        for day, groups in days.items():
            # Into the partition itself: to find it anew for each row would cost a third more.
            source = BytesIO(encode(groups))
            await connection.copy_to_table(
                name_of(day), source=source, columns=COLUMNS, format="binary"
            )
        # Last, because other processes that count the same hour wait from here to the commit.
        for groups in days.values():
            await connection.execute(ADD, *_columns(groups))
    return True


def _columns(groups: Grouped) -> Sequence[Any]:
    """The groups and their sums, column by column."""
    hours = [datetime.fromtimestamp(group.hour * HOUR, UTC) for group in groups]
    _, *names = zip(*groups, strict=True)
    return [hours, *names, *zip(*[sums(rows) for rows in groups.values()], strict=True)]
