"""Batches as their project has them: made, looked up, listed, cancelled."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from stellwerk.base.errors import InvalidRequestError
from stellwerk.base.ids import new_id
from stellwerk.data.database import Database
from stellwerk.data.locks import Lock
from stellwerk.data.notify import notify
from stellwerk.features.batches.errors import (
    BatchEndedError,
    NotForBatchesError,
    TooManyBatchesError,
    UnknownBatchError,
)
from stellwerk.features.batches.tables import batches
from stellwerk.features.batches.types import (
    BATCH_ID,
    Batch,
    BatchErrors,
    BatchList,
    NewBatch,
    RequestCounts,
    unix,
)
from stellwerk.features.files.service import Files
from stellwerk.features.keys.types import Principal

CHANNEL = "batches"
WINDOW = timedelta(hours=24)
PURPOSE = "batch"
RETRY_AFTER = 60.0


class Batches:
    """For hubs. `most` is how many unfinished batches a project may have."""

    def __init__(self, database: Database, files: Files, most: int) -> None:
        self._database = database
        self._files = files
        self._most = most

    async def create(
        self,
        caller: Principal,
        new: NewBatch,
        operation: str,
        *,
        urgency: int,
        webhook: str | None = None,
    ) -> Batch:
        """Raises `UnknownFileError`, `NotForBatchesError` and `TooManyBatchesError`."""
        file = await self._files.get(caller.project_id, new.input_file_id)
        if file.purpose != PURPOSE:
            raise NotForBatchesError(
                f"`input_file_id`: the file was uploaded for {file.purpose!r}; upload it with "
                f"the purpose {PURPOSE!r}.",
                param="input_file_id",
            )
        life = new.output_expires_after
        values = {
            "id": new_id("batch_"),
            "project_id": caller.project_id,
            "key_id": caller.key_id,
            "operation": operation,
            "endpoint": new.endpoint,
            "input_file_id": new.input_file_id,
            "metadata": new.metadata,
            "urgency": urgency,
            "webhook": webhook,
            "expires_after": life.seconds if life else None,
            "status": "validating",
            "expires_at": func.now() + WINDOW,
            "output_file_id": new_id("file-"),
            "error_file_id": new_id("file-"),
        }
        async with self._database.begin() as connection:
            # Two at once would both see the last free place.
            mine = func.hashtextextended(caller.project_id, Lock.BATCHES.value)
            await connection.execute(select(func.pg_advisory_xact_lock(mine)))
            open_ones = select(func.count()).where(
                batches.c.project_id == caller.project_id, batches.c.ended_at.is_(None)
            )
            if (await connection.scalar(open_ones) or 0) >= self._most:
                raise TooManyBatchesError(
                    f"Your project has {self._most} batches that have not ended, which is the "
                    "limit.",
                    retry_after=RETRY_AFTER,
                )
            statement = insert(batches).values(values).returning(batches)
            row = (await connection.execute(statement)).one()
            await notify(connection, CHANNEL)
        return shown(row)

    async def get(self, project_id: str, name: str) -> Batch:
        """Raises `UnknownBatchError`, also for a batch of another project."""
        query = select(batches).where(_one(project_id, name))
        async with self._database.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise UnknownBatchError(name)
        return shown(row)

    async def page(self, project_id: str, *, after: str | None, limit: int) -> BatchList:
        """The newest first; `after` is the last id of the page before."""
        query = select(batches).where(batches.c.project_id == project_id)
        if after is not None:
            if not BATCH_ID.fullmatch(after):
                raise InvalidRequestError("`after` is not the id of a batch.", param="after")
            query = query.where(batches.c.id < after)
        query = query.order_by(batches.c.id.desc()).limit(limit + 1)
        async with self._database.connect() as connection:
            rows = (await connection.execute(query)).all()
        found = [shown(row) for row in rows[:limit]]
        return BatchList(
            data=found,
            first_id=found[0].id if found else None,
            last_id=found[-1].id if found else None,
            has_more=len(rows) > limit,
        )

    async def cancel(self, project_id: str, name: str) -> Batch:
        """What waits ends, what runs is ended. Raises `BatchEndedError`, `UnknownBatchError`."""
        statement = (
            update(batches)
            .where(_one(project_id, name), batches.c.status.in_(("validating", "in_progress")))
            .values(status="cancelling", cancelling_at=func.now(), ending="cancelled")
        )
        async with self._database.begin() as connection:
            row = (await connection.execute(statement.returning(batches))).one_or_none()
            await notify(connection, CHANNEL)
        if row is not None:
            return shown(row)
        batch = await self.get(project_id, name)
        if batch.status not in {"cancelling", "cancelled"}:
            raise BatchEndedError(f"The batch {name} is {batch.status}; it cannot be cancelled.")
        return batch


def _one(project_id: str, name: str) -> Any:
    if not BATCH_ID.fullmatch(name):
        raise UnknownBatchError(name)
    return (batches.c.id == name) & (batches.c.project_id == project_id)


def shown(row: Row[Any]) -> Batch:
    """As the API shows it. Its files are there when it has ended, if any line came to them."""
    status, ended = row.status, unix(row.ended_at)
    return Batch(
        id=row.id,
        endpoint=row.endpoint,
        errors=BatchErrors(data=row.errors) if row.errors else None,
        input_file_id=row.input_file_id,
        status=status,
        output_file_id=row.output_file_id if ended and row.completed else None,
        error_file_id=row.error_file_id if ended and row.failed else None,
        created_at=unix(row.created_at) or 0,
        in_progress_at=unix(row.in_progress_at),
        expires_at=unix(row.expires_at) or 0,
        finalizing_at=unix(row.finalizing_at),
        cancelling_at=unix(row.cancelling_at),
        completed_at=ended if status == "completed" else None,
        failed_at=ended if status == "failed" else None,
        expired_at=ended if status == "expired" else None,
        cancelled_at=ended if status == "cancelled" else None,
        request_counts=RequestCounts(total=row.total, completed=row.completed, failed=row.failed),
        metadata=row.metadata,
    )
