"""What the whole queue looks like, for those who run it."""

import math
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert as upsert

from stellwerk.base.errors import InvalidRequestError
from stellwerk.data.database import Database
from stellwerk.features.keys.errors import UnknownProjectError
from stellwerk.features.queue.tables import queue_projects

# Seconds that count as "of late".
LATE = 300

BY_KEY = text("""
    select requests.operation, api_keys.name as key, projects.name as project,
        count(*) filter (where state = 'queued') as queued,
        count(*) filter (where state = 'deferred') as deferred,
        count(*) filter (where state in ('running', 'cancelling')) as running,
        count(*) filter (where finished_at > now() - make_interval(secs => :late)) as ended,
        count(*) filter (where state = 'failed') as failed,
        coalesce(extract(epoch from now() - min(requests.created_at)
            filter (where state in ('queued', 'deferred'))), 0)::float8 as oldest_seconds
    from requests
    left join api_keys on api_keys.id = requests.key_id
    left join projects on projects.id = requests.project_id
    group by 1, 2, 3 order by queued desc, running desc, 1, 2
""")

DEPTHS = text("""
    select operation, state, count(*) as number,
        coalesce(extract(epoch from now() - min(created_at)), 0)::float8 as age
    from requests where finished_at is null group by 1, 2
""")

WORKERS = text("""
    select queue_workers.id, place, queue_workers.started_at, count(requests.id) as running
    from queue_workers left join requests
        on worker = queue_workers.id and state in ('running', 'cancelling')
    group by 1, 2, 3 order by 3
""")

PROJECT = text("select id from projects where :name in (id, name) order by id <> :name limit 1")


@dataclass(frozen=True, slots=True)
class Depth:
    """How many requests of an operation are in a state, and how old the oldest is (seconds)."""

    operation: str
    state: str
    number: int
    age: float


class Overview:
    """Looks at the requests of all keys, never at what they say."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_key(self) -> list[dict[str, Any]]:
        """A row for each operation and key that has requests."""
        async with self._database.connect() as connection:
            rows = await connection.execute(BY_KEY, {"late": LATE})
            return [dict(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's own name

    async def workers(self) -> list[dict[str, Any]]:
        """The workers that have a lease."""
        async with self._database.connect() as connection:
            rows = (await connection.execute(WORKERS)).all()
        return [
            {
                "id": row.id,
                "place": row.place,
                "started_at": row.started_at.isoformat(),
                "running": row.running,
            }
            for row in rows
        ]

    async def depths(self) -> list[Depth]:
        async with self._database.connect() as connection:
            rows = await connection.execute(DEPTHS)
            return [Depth(row.operation, row.state, row.number, row.age) for row in rows]

    async def allow(self, project: str, changes: dict[str, float]) -> dict[str, Any]:
        """Set a project's `weight` and the most urgent level that its keys may ask for."""
        if not math.isfinite(changes.get("weight", 1)):
            # It would be every turn's from then on.
            raise InvalidRequestError("`weight` is no number.", param="weight")
        async with self._database.begin() as connection:
            found = await connection.scalar(PROJECT, {"name": project})
            if found is None:
                raise UnknownProjectError(f"There is no project {project!r}.")
            put = upsert(queue_projects).values(project_id=found, **changes)
            if changes:
                put = put.on_conflict_do_update(index_elements=["project_id"], set_=changes)
            else:
                put = put.on_conflict_do_nothing()
            await connection.execute(put)
            shown = queue_projects.select().where(queue_projects.c.project_id == found)
            row = (await connection.execute(shown)).one()
        return {"project": project, "weight": row.weight, "urgency": row.urgency}
