"""Deliveries as a worker has them.

A delivery that is taken is due again after a lease, so one whose worker dies is sent by another:
at least once, always with the same id. Every write names the attempt that it is of.
"""

from collections.abc import Sequence
from datetime import timedelta

from stellwerk.data.database import Database
from stellwerk.data.line import Line
from stellwerk.features.webhooks.types import Due

CHANNEL = "webhooks"
# Longer than a post may take.
LEASE = timedelta(minutes=2)
# Of one project at a time, so that its slow server holds up no other's.
EACH = 4
LOOKED_AT = 500

TAKE = """
    with due as (
        select id, project_id, next_at from webhook_deliveries
        where next_at <= now() and project_id <> all($5) order by next_at limit $3
    ),
    ranked as (
        select id, row_number() over (partition by project_id order by next_at) as number from due
    ),
    locked as materialized (
        select webhook_deliveries.id from webhook_deliveries join ranked using (id)
        where number <= $4 and next_at <= now() order by next_at limit $1
        for update of webhook_deliveries skip locked
    )
    update webhook_deliveries set attempts = attempts + 1, next_at = now() + $2::interval
    from locked where webhook_deliveries.id = locked.id
    returning webhook_deliveries.id, webhook_deliveries.project_id, attempts, url, type, data,
        created_at, array(
        select secret from webhook_secrets
        where webhook_secrets.project_id = webhook_deliveries.project_id
            and (expires_at is null or expires_at > now())
        order by id desc
    ) as secrets
"""

END = """
    update webhook_deliveries set next_at = null, ended_at = now(), status = $3, error = $4
    where id = $1 and attempts = $2
"""

AGAIN = """
    update webhook_deliveries set next_at = now() + $5::interval, status = $3, error = $4
    where id = $1 and attempts = $2
"""

PURGE = """
    delete from webhook_deliveries where id = any(array(
        select id from webhook_deliveries where ended_at < now() - $1::interval limit 1000
        for update skip locked
    ))
"""


class Deliveries:
    """What a worker does with deliveries. `kept` is how long those that ended can be seen."""

    def __init__(self, line: Line, kept: timedelta) -> None:
        self._line = line
        self._kept = kept

    @classmethod
    def of(cls, database: Database, kept: timedelta) -> "Deliveries":
        return cls(Line(database), kept)

    async def close(self) -> None:
        await self._line.close()

    async def take(self, most: int, busy: Sequence[str] = ()) -> Sequence[Due]:
        """Up to `most` deliveries whose time has come; they are this worker's for a lease.

        Those of `busy` projects, which have enough under way, are left for later.
        """
        rows = await self._line.fetch(TAKE, most, LEASE, LOOKED_AT, EACH, list(busy))
        return [Due(**{**row, "secrets": tuple(row["secrets"])}) for row in rows]

    async def end(self, due: Due, status: int | None, error: str | None) -> None:
        """It was delivered, or is given up."""
        await self._line.fetch(END, due.id, due.attempts, status, error)

    async def again(self, due: Due, seconds: float, status: int | None, error: str | None) -> None:
        """It failed, and is tried again after `seconds`."""
        pause = timedelta(seconds=seconds)
        await self._line.fetch(AGAIN, due.id, due.attempts, status, error, pause)

    async def purge(self) -> None:
        await self._line.fetch(PURGE, self._kept)
