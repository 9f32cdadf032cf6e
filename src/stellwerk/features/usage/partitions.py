"""A partition of `usage` for each day, made ahead and dropped when its time is over.

Whoever writes rows does this; several at once neither fail nor wait long for each other.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg

from stellwerk.data.locks import Lock

LOCK = f"select pg_advisory_xact_lock({Lock.USAGE_PARTITIONS})"
AHEAD = 3
PREFIX = "usage_day_"

EXISTING = """
    select child.relname as name from pg_inherits
    join pg_class child on child.oid = inhrelid
    where inhparent = 'usage'::regclass
"""


def day_of(time: float) -> date:
    """The day, in UTC, of a moment in Unix seconds."""
    return datetime.fromtimestamp(time, UTC).date()


def days_ahead(today: date) -> list[date]:
    """Today and the days whose partitions are made before they begin."""
    return [today + timedelta(days=number) for number in range(AHEAD + 1)]


async def make(connection: Any, days: Iterable[date]) -> None:
    """Make the partitions of `days` that are missing."""
    async with connection.transaction():
        await connection.execute(LOCK)
        existing = {row["name"] for row in await connection.fetch(EXISTING)}
        for day in sorted(set(days)):
            if name_of(day) not in existing:
                await _make(connection, day)


async def _make(connection: Any, day: date) -> None:
    name, following = name_of(day), day + timedelta(days=1)
    # `create table ... partition of` would keep everyone off the whole table; this does not.
    await connection.execute(f"create table {name} (like usage including defaults)")
    await connection.execute(
        f"alter table usage attach partition {name} "
        f"for values from ('{day} 00:00+00') to ('{following} 00:00+00')"
    )


async def drop_before(connection: Any, day: date) -> list[str]:
    """Drop the partitions of days before `day`; gives their names.

    A partition that somebody is reading is left for the next time, because whoever waits for it
    holds up all who write.
    """
    dropped = []
    rows = await connection.fetch(EXISTING)
    for name in sorted(row["name"] for row in rows):
        if name.startswith(PREFIX) and name < name_of(day):
            try:
                async with connection.transaction():
                    await connection.execute("set local lock_timeout = '500ms'")
                    await connection.execute(LOCK)
                    await connection.execute(f"drop table if exists {name}")
            except asyncpg.LockNotAvailableError:
                break
            dropped.append(name)
    return dropped


def name_of(day: date) -> str:
    """The table of this day's rows."""
    return f"{PREFIX}{day:%Y%m%d}"
