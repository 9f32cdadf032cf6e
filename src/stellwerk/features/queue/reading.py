"""The statements of callers (see `service`)."""

from typing import Any

from stellwerk.features.queue.types import Request, State

CANCELLING = "queue_cancelling"

_SHOWN = """
    id, operation, model, state, urgency, stream, attempts, fence, created_at, started_at,
    finished_at, run_at, purge_at, status, webhook, progress
"""

# The rows of batches are not requests of callers.
ONE = f"select {_SHOWN} from requests where id = $1 and key_id = $2 and batch_id is null"

LIST = f"""
    select {_SHOWN} from requests
    where key_id = $1 and batch_id is null and (cardinality($2::text[]) = 0 or state = any($2))
        and ($3::text is null or operation = $3) and ($4::text is null or model = $4)
        and ($5::text is null or id < $5)
    order by id desc limit $6
"""

IDEMPOTENT = """
    select id, operation, digest from requests where key_id = $1 and idempotency_key = $2
"""

BIND = """
    update requests set bindings = bindings + 1 where id = (
        select id from requests
        where key_id = $1 and operation = $2 and digest = $3 and held and state <> 'cancelled'
        order by bindings, id limit 1 for update
    ) returning id
"""

# How long this key's last requests of the same kind ran tells how long one may take.
STANDING = """
    select
        (select count(*) from requests as other
            where other.state = 'queued'
                and (other.urgency, other.turn, other.id) < (mine.urgency, mine.turn, mine.id)),
        (select count(*) from requests as other
            where other.state in ('running', 'cancelling') and other.model = mine.model),
        (select avg(extract(epoch from finished_at - started_at)) from (
            select started_at, finished_at, model, state from requests as other
            where other.key_id = mine.key_id order by id desc limit 200
        ) as recent where recent.state = 'completed' and recent.model = mine.model)
    from requests as mine where id = $1
"""

ANSWER = """
    select status, answer_type, answer from requests
    where id = $1 and key_id = $2 and batch_id is null
"""

ERROR = "select answer from requests where id = $1 and state in ('failed', 'cancelled')"

DELIVERED = """
    with gone as (
        delete from requests where id = $1 and retention = 0 and finished_at is not null
    )
    update requests set held = false,
        purge_at = least(purge_at, now() + make_interval(secs => $2::int))
    where id = $1 and held and retention > 0 and finished_at is not null
"""

CANCEL = f"""
    with asked as (
        update requests set state = 'cancelling'
        where id = $1 and key_id = $2 and batch_id is null and state = 'running' returning id
    ),
    told as (select pg_notify('{CANCELLING}', id) from asked)
    select id, (select count(*) from told) from asked
"""

# Nobody is told any more of what is gone.
DELETE = """
    with gone as (
        delete from requests
        where id = $1 and key_id = $2 and batch_id is null
            and state not in ('running', 'cancelling')
        returning id
    ),
    untold as (delete from webhook_deliveries using gone where subject = gone.id)
    select id from gone
"""

EVENTS = """
    select fence, first, last, data from request_events
    where request_id = $1 and fence = $2 and last > $3 order by first limit $4
"""

ENDED = """
    select asked.id from unnest($1::text[]) as asked (id) left join requests using (id)
    where requests.id is null or finished_at is not null
"""

WAITING = """
    select count(*), coalesce(sum(size), 0)::bigint from requests
    where key_id = $1 and finished_at is null and batch_id is null
"""


def request(row: Any) -> Request:
    values = dict(row)
    return Request(**{**values, "state": State(values["state"])})
