"""Looks through the files of new batches, and begins them or says what is wrong with them."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from stellwerk.data.database import Database
from stellwerk.data.locks import Lock
from stellwerk.features.batches.apart import apart
from stellwerk.features.batches.reading import lines
from stellwerk.features.batches.tables import batches
from stellwerk.features.batches.types import BatchError
from stellwerk.features.batches.validation import CheckModel, Findings
from stellwerk.features.files.errors import UnknownFileError
from stellwerk.features.files.service import Files
from stellwerk.features.keys.errors import KeyRefusedError

# One process looks through a file at a time; one that stops in the middle is ended.
LOCK = text(f"select pg_try_advisory_xact_lock(hashtextextended(:name, {Lock.BATCHES}))")
IDLE_LIMIT = text("set local idle_in_transaction_session_timeout = '60s'")
STILL = text("select status = 'validating' from batches where id = :name")
# Lines between two looks at whether the batch was cancelled meanwhile, and other tasks' turns.
TURN = 500
LOOK = 20_000

# (key, operation) -> why the key cannot use a model for it; and the path of the operation.
Checks = Callable[[str, str], Awaitable[CheckModel]]
Path = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Checking:
    """Any worker process may do it. `longest` is the largest line in bytes, `most` their number."""

    database: Database
    files: Files
    checks: Checks
    path: Path
    longest: int
    most: int

    async def step(self) -> bool:
        """Look through each new batch; whether there was one."""
        query = select(batches.c.id).where(batches.c.status == "validating")
        async with self.database.connect() as connection:
            names = list(await connection.scalars(query.order_by(batches.c.id)))
        done = [await apart(name, self._check(name)) for name in names]
        return any(done)

    async def _check(self, name: str) -> bool:
        async with self.database.begin() as connection:
            await connection.execute(IDLE_LIMIT)
            if not await connection.scalar(LOCK, {"name": name}):
                return False
            query = select(batches).where(batches.c.id == name, batches.c.status == "validating")
            batch = (await connection.execute(query)).one_or_none()
            if batch is None:
                return False
            changes = await self._look_through(connection, batch)
            # It may have been cancelled meanwhile.
            this = update(batches).where(batches.c.id == name, batches.c.status == "validating")
            await connection.execute(this.values(changes))
        return True

    async def _look_through(self, connection: AsyncConnection, batch: Row[Any]) -> dict[str, Any]:
        try:
            stored = await self.files.stored(batch.project_id, batch.input_file_id)
        except UnknownFileError as error:
            return _failed([BatchError(code=error.code, message="The input file was deleted.")])
        try:
            check = await self.checks(batch.key_id, batch.operation)
        except KeyRefusedError:
            # It was revoked before any worker came to look.
            return {"status": "finalizing", "ending": "cancelled", "cancelling_at": func.now()}
        findings = Findings(self.path(batch.operation), self.longest, self.most, check)
        async with aclosing(lines(self.files, stored, 0, self.longest)) as found:
            async for line, _ in found:
                findings.add(line)
                if findings.full:
                    break
                if findings.number % TURN == 0:
                    await asyncio.sleep(0)
                if findings.number % LOOK == 0 and not await connection.scalar(
                    STILL, {"name": batch.id}
                ):
                    break
        findings.finish()
        if findings.errors:
            return _failed(findings.errors)
        return {
            "status": "in_progress",
            "in_progress_at": func.now(),
            "total": findings.total,
            "input_bytes": stored.file.bytes,
        }


def _failed(errors: list[BatchError]) -> dict[str, Any]:
    """It ends as every batch does, with nothing to end and nothing to write."""
    return {
        "status": "finalizing",
        "ending": "failed",
        "errors": [error.model_dump() for error in errors],
    }
