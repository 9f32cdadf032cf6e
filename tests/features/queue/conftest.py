"""Queues of a test, and the requests that it puts in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from stellwerk.data.database import Database
from stellwerk.features.queue.claims import Claims, Room
from stellwerk.features.queue.service import Queue
from stellwerk.features.queue.types import Answer, Job, NewRequest, Outcome, State


@pytest.fixture
async def queue(database: Database) -> AsyncIterator[Queue]:
    async with Queue(database) as opened:
        yield opened


@pytest.fixture
async def claims(database: Database) -> AsyncIterator[Claims]:
    async with worker(database) as entered:
        yield entered


@asynccontextmanager
async def worker(database: Database, lease: float = 60) -> AsyncIterator[Claims]:
    """A worker that has a lease, and lets it run out at the end."""
    async with Claims(database, "test", timedelta(seconds=lease)) as made:
        await made.enter()
        yield made


def new(key: str = "key_a", **changes: Any) -> NewRequest:
    values = {"project_id": "proj", "operation": "embeddings", "model": "m", "body": b"{}"}
    return NewRequest(key_id=key, **{**values, **changes})


def room(slots: int = 1, **changes: Any) -> Room:
    values: dict[str, Any] = {"operations": ["embeddings"], "each": 1000, "models": {}}
    return Room(slots, **{**values, **changes})


def done(job: Job, body: bytes = b"done") -> Outcome:
    return Outcome(job.id, job.fence, State.COMPLETED, Answer(200, "text/plain", body))
