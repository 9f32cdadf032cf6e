"""Moves batches on, a step at a time; each step is one transaction.

A step takes what has ended out of the queue, writes it to the output, and puts the next lines in:
all of it, or nothing. So what is killed in the middle of a step loses no line and doubles none. The
batch's row is locked meanwhile, so any number of processes may try. Of a batch, at most a window
of rows is in the queue, however many lines it has.
"""

import hashlib
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Row, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from stellwerk.base.ids import new_id
from stellwerk.data.blobs.heaps import abandon
from stellwerk.data.database import Database
from stellwerk.features.batches import statements
from stellwerk.features.batches.apart import apart
from stellwerk.features.batches.filling import Grouping, Together
from stellwerk.features.batches.output import Yield, joined
from stellwerk.features.batches.reading import lines
from stellwerk.features.batches.statements import (
    BODIES,
    ENOUGH_BYTES,
    ENOUGH_ROWS,
    OLD,
    ROWS,
)
from stellwerk.features.batches.tables import batch_pieces, batches
from stellwerk.features.batches.types import PREFIX, LineError
from stellwerk.features.files.errors import UnknownFileError
from stellwerk.features.files.service import Files, add
from stellwerk.features.files.types import ExpiresAfter, NewFile, Stored
from stellwerk.features.queue.errors import RequestCancelledError, ended
from stellwerk.features.queue.submit import MOST, submit
from stellwerk.features.queue.types import NewRequest, State
from stellwerk.features.webhooks.deliveries import CHANNEL as WEBHOOKS
from stellwerk.features.webhooks.tables import webhook_deliveries

# Most answers of one step: bytes, and rows.
STEP_BYTES, STEP_ROWS = 8 * 2**20, 1000
# Lines of one step that are not run any more.
STEP_LINES = 10_000
# Rows stay until their batch has taken them.
RETENTION = 30 * 86_400
# A process that stops in the middle of a step holds the batch up for so long.
IDLE_LIMIT = text("set local idle_in_transaction_session_timeout = '30s'")

OPEN = ("in_progress", "cancelling", "finalizing")
CANCELLED = ended(State.CANCELLED, RequestCancelledError("The batch was ended."))
EXPIRED = LineError(
    "batch_expired", "This request could not be run before the completion window ended."
)


@dataclass(frozen=True, slots=True)
class Progress:
    """Any worker process may take steps. `longest` is the largest line, in bytes."""

    database: Database
    files: Files
    together: Together
    longest: int
    attempts: int

    async def step(self) -> bool:
        """Move each open batch on; whether any did move."""
        async with self.database.connect() as connection:
            names = list(await connection.scalars(text(statements.DUE)))
        moved = [await apart(name, self._advance(name)) for name in names]
        return any(moved)

    async def _advance(self, name: str) -> bool:
        async with self.database.begin() as connection:
            await connection.execute(IDLE_LIMIT)
            query = select(batches).where(batches.c.id == name, batches.c.status.in_(OPEN))
            locked = query.with_for_update(skip_locked=True)
            row = (await connection.execute(locked)).one_or_none()
            if row is None:
                return False
            return await _Step(self, connection, row).run()


class _Step:
    """One step of one batch, whose row is locked."""

    def __init__(self, house: Progress, connection: AsyncConnection, batch: Row[Any]) -> None:
        self._house = house
        self._connection = connection
        self._batch = batch
        self._changes: dict[str, Any] = {}

    async def run(self) -> bool:
        if self._batch.status == "finalizing":
            await self._finalize()
        else:
            await self._move()
        if self._changes:
            this = update(batches).where(batches.c.id == self._batch.id)
            await self._connection.execute(this.values(self._changes))
        return bool(self._changes)

    def _now(self, name: str) -> Any:
        return self._changes.get(name, getattr(self._batch, name))

    async def _move(self) -> None:
        if self._batch.ending is None and self._batch.expires_at <= datetime.now(UTC):
            self._changes["ending"] = "expired"
        window = await self._collect()
        if self._now("ending") is None:
            window = await self._fill(window)
        elif window.live:
            await self._end_rows()
        elif self._now("ending") == "expired" and not window.ended:
            await self._expire_rest()
        early = self._now("ending") in {"cancelled", "failed"}
        over = early or self._now("place") >= self._batch.input_bytes
        if over and not window.live and not window.ended:
            self._changes |= {"status": "finalizing", "finalizing_at": func.now()}

    # What has ended

    async def _window(self) -> Any:
        found = await self._connection.exec_driver_sql(statements.WINDOW, (self._batch.id,))
        return found.one()

    async def _collect(self) -> Any:
        window = await self._window()
        enough = (
            not window.live
            or window.ended >= ENOUGH_ROWS
            or window.answers >= ENOUGH_BYTES
            or window.bodies >= BODIES
            or window.age > OLD
        )
        if not window.ended or not enough:
            return window
        values = (self._batch.id, STEP_BYTES, STEP_ROWS)
        rows = (await self._connection.exec_driver_sql(statements.COLLECT, values)).all()
        got = Yield()
        for row in rows:
            if row.state != State.CANCELLED.value or self._now("ending") is None:
                got.add_row(row)
            elif self._now("ending") == "expired":
                got.add_cancelled(row, EXPIRED)
        await self._write(got)
        if got.refused and self._now("ending") is None:
            self._changes |= {"ending": "cancelled", "status": "cancelling"}
            self._changes["cancelling_at"] = func.now()
        return await self._window()

    async def _write(self, got: Yield) -> None:
        for name, found in (("output", got.output), ("error", got.errors)):
            if found:
                await self._piece(getattr(self._batch, f"{name}_file_id"), joined(found))
        self._changes["completed"] = self._now("completed") + len(got.output)
        self._changes["failed"] = self._now("failed") + len(got.errors)

    async def _piece(self, file_id: str, data: bytes) -> None:
        """Add to a file. The key is a new one: nobody else's write can change what is there."""
        key = f"files/{file_id}/{new_id('')}"
        await self._house.files.heaps.blobs.put(key, data)
        last = select(func.coalesce(func.max(batch_pieces.c.number), 0) + 1)
        values = {
            "file_id": file_id,
            "number": last.where(batch_pieces.c.file_id == file_id).scalar_subquery(),
            "key": key,
            "size": len(data),
        }
        await self._connection.execute(insert(batch_pieces).values(values))

    # What comes next

    async def _fill(self, window: Any) -> Any:
        batch, house = self._batch, self._house
        rows, bodies = ROWS - window.live - window.ended, BODIES - window.bodies
        if rows < ENOUGH_ROWS or bodies <= 0 or batch.place >= batch.input_bytes:
            return window
        try:
            stored = await house.files.stored(batch.project_id, batch.input_file_id)
        except UnknownFileError as error:
            self._fail(error.code or "file_not_found", "The input file was deleted.")
            return window
        new = await self._next(stored, rows, bodies)
        for start in range(0, len(new), MOST):
            await submit(self._connection, new[start : start + MOST])
        return await self._window()

    async def _next(self, stored: Stored, rows: int, bodies: int) -> list[NewRequest]:
        """Up to so many rows, or bytes of them; the lines that they hold count as put in."""
        batch, house = self._batch, self._house
        grouping = Grouping(batch.operation, house.together)
        new: list[NewRequest] = []
        async with aclosing(lines(house.files, stored, batch.place, house.longest)) as found:
            async for line, place in found:
                for group in grouping.add(line, place):
                    new.append(self._row(group.model, group.body()))
                    bodies -= len(new[-1].body)
                    self._changes["place"] = group.place
                if len(new) >= rows or bodies <= 0:
                    return new
        if last := grouping.rest():
            new.append(self._row(last.model, last.body()))
        self._changes["place"] = batch.input_bytes
        return new

    def _row(self, model: str, body: bytes) -> NewRequest:
        batch = self._batch
        return NewRequest(
            key_id=batch.key_id,
            project_id=batch.project_id,
            operation=PREFIX + batch.operation,
            model=model,
            body=body,
            urgency=batch.urgency,
            batch_id=batch.id,
            retention=RETENTION,
            max_attempts=self._house.attempts,
        )

    # Early ends

    def _fail(self, code: str, message: str) -> None:
        error = {"code": code, "line": None, "message": message, "param": None}
        self._changes |= {"ending": "failed", "errors": [error]}

    async def _end_rows(self) -> None:
        name = self._batch.id
        await self._connection.exec_driver_sql(statements.WAITING, (*CANCELLED, name))
        await self._connection.exec_driver_sql(statements.RUNNING, (name,))

    async def _expire_rest(self) -> None:
        """Say of the lines that were never run that they expired, some at each step."""
        batch, house = self._batch, self._house
        self._changes["place"] = batch.input_bytes
        try:
            stored = await house.files.stored(batch.project_id, batch.input_file_id)
        except UnknownFileError:
            return
        some: list[bytes] = []
        async with aclosing(lines(house.files, stored, batch.place, house.longest)) as found:
            async for line, place in found:
                some.append(line)
                if len(some) >= STEP_LINES:
                    self._changes["place"] = place
                    break
        got = Yield()
        got.add_unrun(some, EXPIRED)
        await self._write(got)

    # The end

    async def _finalize(self) -> None:
        batch = self._batch
        status = batch.ending or "completed"
        for file_id, name in ((batch.output_file_id, "output"), (batch.error_file_id, "error")):
            await self._finish_file(file_id, f"{batch.id}_{name}.jsonl")
        self._changes |= {"status": status, "ended_at": func.now()}
        if batch.webhook:
            await self._connection.execute(_told(batch, status))
            await self._connection.exec_driver_sql(f"select pg_notify('{WEBHOOKS}', '')")

    async def _finish_file(self, file_id: str, filename: str) -> None:
        mine = delete(batch_pieces).where(batch_pieces.c.file_id == file_id)
        rows = (await self._connection.execute(mine.returning(batch_pieces))).all()
        pieces = [(row.key, row.size) for row in sorted(rows, key=lambda row: row.number)]
        if not pieces:
            # What a step that was killed may have left.
            await abandon(self._connection, [(f"files/{file_id}/none", 0)])
            return
        size = sum(length for _, length in pieces)
        life = self._batch.expires_after
        new = NewFile(
            filename=filename,
            purpose="batch_output",
            expires_after=ExpiresAfter(anchor="created_at", seconds=life) if life else None,
        )
        await add(
            self._connection,
            self._batch.project_id,
            new,
            file_id=file_id,
            size=size,
            sha256=await self._digest(pieces, size),
            pieces=pieces,
        )

    async def _digest(self, pieces: Sequence[tuple[str, int]], size: int) -> bytes:
        digest = hashlib.sha256()
        async for chunk in self._house.files.heaps.read(pieces, 0, size):
            digest.update(chunk)
        return digest.digest()


def _told(batch: Row[Any], status: str) -> Any:
    data = msgspec.json.encode({"id": batch.id}).decode()
    return insert(webhook_deliveries).values(
        id=new_id("msg_"),
        subject=batch.id,
        project_id=batch.project_id,
        url=batch.webhook,
        type=f"batch.{status}",
        data=data,
        next_at=func.now(),
    )
