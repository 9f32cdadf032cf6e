"""Rows for tests."""

import time
from typing import Any

from sqlalchemy import text

from stellwerk.data.database import Database
from stellwerk.features.usage.types import UsageRow


def row(number: int = 0, **given: Any) -> UsageRow:
    fields: dict[str, Any] = {
        "time": time.time(),
        "request_id": f"req_{number}",
        "key_id": "key_a",
        "project_id": "proj_a",
        "model": "chat",
        "target": "local",
        "operation": "chat.completions",
        "prompt_tokens": 100,
        "cached_tokens": 40,
        "completion_tokens": 7,
        "cost": 1_000,
        "first_byte_ms": 12.5,
        "duration_ms": 250.0,
        "status": 200,
        "estimated": False,
        "stream": True,
    }
    return UsageRow(**{**fields, **given})


async def request_ids(database: Database) -> list[str]:
    """What `usage` holds, in order; a row that is there twice is listed twice."""
    async with database.connect() as connection:
        found = await connection.scalars(text("select request_id from usage order by 1"))
        return list(found)


async def counted(database: Database) -> int:
    """The requests that `usage_hours` holds."""
    async with database.connect() as connection:
        found = await connection.scalar(text("select coalesce(sum(requests), 0) from usage_hours"))
        return int(found)
