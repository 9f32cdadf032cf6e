"""What those who run the queue see of it."""

from typing import Any

import pytest

from stellwerk.base.errors import InvalidRequestError
from stellwerk.data.database import Database
from stellwerk.features.keys.errors import UnknownProjectError
from stellwerk.features.keys.service import Keys
from stellwerk.features.keys.types import NewKey
from stellwerk.features.queue.claims import Claims
from stellwerk.features.queue.overview import Overview
from stellwerk.features.queue.service import Queue
from tests.features.queue.conftest import done, new, room


async def test_a_weight_is_a_number(database: Database) -> None:
    await Keys(database).create(NewKey(name="app", project="research"))
    for weight in (float("nan"), float("inf")):
        with pytest.raises(InvalidRequestError, match="weight"):
            await Overview(database).allow("research", {"weight": weight})


async def test_rows_by_operation_and_key(database: Database, queue: Queue, claims: Claims) -> None:
    issued = await Keys(database).create(NewKey(name="app", project="research"))
    overview = Overview(database)
    [project] = {row.project_id for row in await _projects(database)}
    for _ in range(4):
        await queue.submit(new(issued.id, project_id=project))
    await claims.finish([done(job) for job in await claims.claim(room())])
    await claims.claim(room())
    [row] = await overview.by_key()
    shown = {name: row[name] for name in ("operation", "key", "project")}
    assert shown == {"operation": "embeddings", "key": "app", "project": "research"}
    counts = {name: row[name] for name in ("queued", "running", "ended", "failed", "deferred")}
    assert counts == {"queued": 2, "running": 1, "ended": 1, "failed": 0, "deferred": 0}
    assert row["oldest_seconds"] > 0
    [worker] = await overview.workers()
    assert (worker["place"], worker["running"]) == ("test", 1)
    depths = {depth.state: depth.number for depth in await overview.depths()}
    assert depths == {"queued": 2, "running": 1}


async def test_what_a_project_may_take(database: Database) -> None:
    await Keys(database).create(NewKey(name="app", project="research"))
    overview = Overview(database)
    expected = {"project": "research", "weight": 1, "urgency": 3}
    assert await overview.allow("research", {}) == expected
    assert await overview.allow("research", {"weight": 2}) == {**expected, "weight": 2}
    assert await overview.allow("research", {"urgency": 1}) == {
        "project": "research",
        "weight": 2,
        "urgency": 1,
    }
    with pytest.raises(UnknownProjectError):
        await overview.allow("none", {"weight": 2})


async def _projects(database: Database) -> list[Any]:
    async with database.connect() as connection:
        rows = await connection.exec_driver_sql("select id as project_id from projects")
        return list(rows)
