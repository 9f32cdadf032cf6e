"""The statements that move a batch on."""

from stellwerk.features.queue.reading import CANCELLING
from stellwerk.features.queue.statements import end_requests

WAITING = end_requests("batch_id = $4 and state in ('queued', 'deferred')")

RUNNING = f"""
    with asked as (
        update requests set state = 'cancelling'
        where batch_id = $1 and state = 'running' returning id
    ),
    told as (select pg_notify('{CANCELLING}', id) from asked)
    select count(*) from told
"""

# Of one batch in the queue: rows, and bytes of their bodies.
ROWS, BODIES = 500, 32 * 2**20
# What has ended is taken out when there is so much of it, or when it is so old (seconds).
ENOUGH_ROWS, ENOUGH_BYTES, OLD = 100, 4 * 2**20, 20

# How much of the window is taken: rows that have not ended, rows that have, their answers' bytes,
# the seconds for which the first of these has been there, and the bytes of all bodies.
_WINDOW = """
    select count(*) filter (where finished_at is null) as live,
        count(*) filter (where finished_at is not null) as ended,
        coalesce(sum(octet_length(answer)), 0)::bigint as answers,
        coalesce(extract(epoch from now() - min(finished_at)), 0)::float8 as age,
        coalesce(sum(size), 0)::bigint as bodies
    from requests where batch_id =
"""
WINDOW = f"{_WINDOW} $1"

# Open batches for which there is something to do.
DUE = f"""
    select id from batches cross join lateral ({_WINDOW} batches.id) as rows
    where status in ('in_progress', 'cancelling', 'finalizing') and ended_at is null and (
        status <> 'in_progress' or ending is not null or expires_at <= now() or live = 0
        or ended >= {ENOUGH_ROWS} or answers >= {ENOUGH_BYTES} or age > {OLD}
        or (ended > 0 and bodies >= {BODIES})
        or (place < input_bytes and live + ended + {ENOUGH_ROWS} <= {ROWS} and bodies < {BODIES})
    ) order by id
"""

# Ended rows, the oldest first, as many as have `$2` bytes of answers, but one at least.
COLLECT = """
    delete from requests where id in (
        select id from (
            select id, sum(octet_length(answer)) over (order by id) - octet_length(answer) as before
            from requests where batch_id = $1 and finished_at is not null
            order by id limit $3
        ) as ended where before < $2
    ) returning id, state, status, answer, body
"""
