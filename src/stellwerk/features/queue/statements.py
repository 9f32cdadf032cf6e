"""The statements of a worker (see `claims`). Each is a transaction, but for the two of a claim."""

from stellwerk.data.locks import Lock

NEW, DONE, EVENTS = "queue_new", "queue_done", "queue_events"

# What runs belongs to these states.
_LIVE = "('running', 'cancelling')"

ENTER = """
    insert into queue_workers (id, place, lease_until) values ($1, $2, now() + $3::interval)
"""

BEAT = f"""
    with renewed as (
        update queue_workers set lease_until = now() + $2::interval where id = $1 returning id
    )
    select requests.id, fence, state from renewed
    left join requests on worker = renewed.id and state in {_LIVE}
"""

# Claims are made one after the other, or two workers could both take a model's last place.
ONE_BY_ONE = f"select pg_advisory_xact_lock({Lock.QUEUE_CLAIM})"

CLAIM = f"""
    with me as materialized (
        select id from queue_workers where id = $1 for key share
    ),
    busy as materialized (
        select model, count(*) as number from requests where state in {_LIVE} group by model
    ),
    places as materialized (
        select model, coalesce(given.most, $8)
            - greatest(coalesce(busy.number, 0), coalesce(given.leases, 0)) as free
        from unnest($5::text[], $6::int[], $7::int[]) as given (model, most, leases)
        full join busy using (model)
    ),
    line as materialized (
        select id, model, urgency, turn from requests
        where state = 'queued'
            and operation = any($2)
            and (key_id, model) not in (select * from unnest($3::text[], $4::text[]))
            and model not in (select model from places where free <= 0)
        order by urgency, turn, id limit $10
    ),
    ranked as (
        select id, urgency, turn, coalesce(free, $8) as free,
            row_number() over (partition by model order by urgency, turn, id) as number
        from line left join places using (model)
    ),
    chosen as materialized (
        select id from ranked where number <= free order by urgency, turn, id limit $9
    ),
    locked as materialized (
        select requests.id from requests join chosen using (id) cross join me
        where state = 'queued' for update of requests skip locked
    ),
    claimed as (
        update requests set state = 'running', worker = $1, fence = fence + 1,
            attempts = attempts + 1, started_at = clock_timestamp(), run_at = null,
            progress = null
        from locked where requests.id = locked.id
        returning requests.id, fence, attempts, max_attempts, key_id, operation, model, body,
            content_type, stream, urgency, turn
    ),
    clock as (
        update queue_clock set turn = latest.turn
        from (select urgency, max(turn) as turn from claimed group by urgency) as latest
        where queue_clock.urgency = latest.urgency and queue_clock.turn < latest.turn
    )
    select id, fence, attempts, max_attempts, key_id, operation, model, body, content_type, stream
    from claimed order by urgency, turn, id
"""

PROGRESS = f"""
    update requests set progress = given.share
    from unnest($1::text[], $2::int[], $3::real[]) as given (id, fence, share)
    where requests.id = given.id and requests.fence = given.fence and requests.state in {_LIVE}
    returning requests.id
"""

# Seconds in which an answer that is not to be kept has to be fetched.
FETCHED = 60

# `retention` says how long what ended is kept; a batch has to know what its rows held. A trigger on
# `finished_at` writes down that a webhook is to be called.
_ENDED = f"""
    worker = null, body = case when batch_id is not null then body end, run_at = null,
    finished_at = clock_timestamp(),
    purge_at = clock_timestamp() + make_interval(secs => coalesce(nullif(retention, 0), {FETCHED}))
"""

FINISH = f"""
    with given as (
        select * from unnest(
            $1::text[], $2::int[], $3::text[], $4::smallint[], $5::text[], $6::bytea[]
        ) as given (id, fence, state, status, answer_type, answer)
    ),
    done as (
        update requests set state = given.state, status = given.status,
            answer_type = given.answer_type, answer = given.answer, {_ENDED}
        from given
        where requests.id = given.id and requests.fence = given.fence
            and requests.state in {_LIVE}
        returning requests.id
    ),
    told as (select pg_notify('{DONE}', string_agg(id, ',')) from done having count(*) > 0)
    select id from done cross join told
"""


def end_requests(which: str) -> str:
    """End requests by themselves. $1: the state, $2 and $3: status and body of the answer."""
    return f"""
        with done as (
            update requests set state = $1, status = $2::smallint, answer = $3::bytea,
                answer_type = 'application/json', {_ENDED}
            where {which} returning id
        ),
        told as (select pg_notify('{DONE}', id) from done)
        select id, (select count(*) from told) from done
    """


def _queue(which: str, change: str) -> str:
    """Put requests back into the line, and wake a worker."""
    return f"""
        with freed as (
            update requests set state = 'queued', worker = null, {change}
            where {which} returning id
        ),
        woken as (select pg_notify('{NEW}', '') from freed limit 1)
        select id, (select count(*) from woken) from freed
    """


END_WAITING = end_requests("id = $4 and key_id = $5 and state in ('queued', 'deferred')")
END_CLAIMED = end_requests("id = $4 and fence = $5 and state = 'cancelling'")

DEFER = """
    update requests set state = 'deferred', worker = null, run_at = now() + $3::interval,
        attempts = attempts - case when $4 then 0 else 1 end
    where id = $1 and fence = $2 and state = 'running' returning id
"""

END_LEFT = end_requests("worker = $4 and state = 'cancelling'")
HAND_BACK = _queue("worker = $1 and state = 'running'", "attempts = attempts - 1")
LEAVE = "delete from queue_workers where id = $1"

# After PostgreSQL was away, the living get the time of a lease to come back.
STRIKE_OFF = """
    delete from queue_workers
    where lease_until < now() and pg_postmaster_start_time() < now() - $1::interval
"""

# These are statements of their own: they must see what was claimed before the worker was struck
# off, which had to wait for that claim.
_ORPHANS = "not exists (select from queue_workers where queue_workers.id = requests.worker)"
END_ORPHANS = end_requests(f"state = 'cancelling' and {_ORPHANS}")
FAIL_ORPHANS = end_requests(f"state = 'running' and attempts >= max_attempts and {_ORPHANS}")
REQUEUE_ORPHANS = _queue(f"state = 'running' and {_ORPHANS}", "run_at = null")

WAKE = _queue("state = 'deferred' and run_at <= now()", "run_at = null")

PURGE = """
    delete from requests where id = any(array(
        select id from requests where purge_at <= now() order by purge_at limit $1
        for update skip locked
    )) returning id
"""

# The first events of an attempt push out those of the one before.
APPEND = f"""
    with mine as (
        select id from requests where id = $1 and fence = $2 and state in {_LIVE} for key share
    ),
    old as (
        delete from request_events using mine
        where request_id = mine.id and fence < $2 and $3 = 1
    ),
    put as (
        insert into request_events (request_id, fence, first, last, data)
        select id, $2, $3, $4, $5 from mine returning request_id
    ),
    told as (select pg_notify('{EVENTS}', request_id) from put)
    select request_id, (select count(*) from told) from put
"""

# Whoever reads a request that has ended reads its answer.
PURGE_EVENTS = """
    delete from request_events where not exists (
        select from requests where id = request_id and finished_at is null
    )
"""
