"""Putting requests into the line.

The order between keys is start-time fair queueing (Goyal, Vin and Cheng, 1996): a request's *turn*
is its key's last turn and one step, or the virtual time where that is later. The virtual time of
an urgency is the largest turn that was claimed. So a key with a thousand requests waiting has them
a step apart, and another key's only request comes right after those that are running. A step is
the inverse of the project's weight.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from stellwerk.features.queue.statements import NEW
from stellwerk.features.queue.types import NewRequest

# A key's last turn is looked for among so many of its newest requests.
RECENT = 1000
# Statements may be as large as memory allows, so what is gathered into one is bounded.
MOST = 100

INSERT = f"""
    with given as (
        select * from unnest(
            $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::smallint[],
            $7::bool[], $8::bool[], $9::bytea[], $10::text[], $11::text[], $12::int[],
            $13::smallint[], $14::bytea[], $15::text[], $16::text[]
        ) with ordinality as given (
            id, key_id, project_id, operation, model, urgency, stream, held, digest,
            idempotency_key, webhook, retention, max_attempts, body, content_type, batch_id, place
        )
    ),
    new as (
        select given.id, key_id, given.project_id, operation, model, stream, held, digest,
            idempotency_key, webhook, retention, max_attempts, body, content_type, batch_id, place,
            greatest(given.urgency, coalesce(project.urgency, 3))::smallint as urgency,
            1 / coalesce(project.weight, 1) as step
        from given left join queue_projects as project using (project_id)
    ),
    lanes as (
        select lane.key_id, lane.urgency,
            greatest(clock.turn, coalesce(last.turn + lane.step, clock.turn)) as first
        from (select distinct key_id, urgency, step from new) as lane
        join queue_clock as clock using (urgency)
        left join lateral (
            select recent.turn from (
                select id, urgency, turn from requests where requests.key_id = lane.key_id
                order by id desc limit {RECENT}
            ) as recent
            where recent.urgency = lane.urgency order by recent.id desc limit 1
        ) as last on true
    ),
    put as (
        insert into requests (
            id, key_id, project_id, operation, model, state, urgency, turn, stream, held, digest,
            idempotency_key, webhook, retention, max_attempts, body, content_type, batch_id, size
        )
        select id, new.key_id, project_id, operation, model, 'queued', new.urgency,
            first + step * (row_number() over (partition by new.key_id, new.urgency order by place)
            - 1),
            stream, held, digest, idempotency_key, webhook, retention, max_attempts, body,
            content_type, batch_id, octet_length(body)
        from new join lanes using (key_id, urgency)
        on conflict (key_id, idempotency_key) where idempotency_key is not null do nothing
        returning id
    ),
    told as (select pg_notify('{NEW}', '') from put limit 1)
    select id from put cross join told
"""


async def submit(connection: AsyncConnection, new: Sequence[NewRequest]) -> set[str]:
    """Put requests in as part of the caller's transaction: they are there when it commits.

    Gives the ids that were put in; the others have an `idempotency_key` that is taken.
    """
    rows = await connection.exec_driver_sql(INSERT, tuple(columns(new)))
    return {row.id for row in rows}


def columns(new: Sequence[NewRequest]) -> list[list[Any]]:
    """What `INSERT` takes: one list for each column."""
    return [
        [one.id for one in new],
        [one.key_id for one in new],
        [one.project_id for one in new],
        [one.operation for one in new],
        [one.model for one in new],
        [one.urgency for one in new],
        [one.stream for one in new],
        [one.held for one in new],
        [one.digest for one in new],
        [one.idempotency_key for one in new],
        [one.webhook for one in new],
        [one.retention for one in new],
        [one.max_attempts for one in new],
        [one.body for one in new],
        [one.content_type for one in new],
        [one.batch_id for one in new],
    ]
