"""Takes the row of each request in passing, and writes them all a moment later."""

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg

from stellwerk.base.log import get_logger
from stellwerk.base.settings import UsageSettings
from stellwerk.data.database import Database
from stellwerk.features.usage.ledger import Ledger
from stellwerk.features.usage.metrics import UsageMetrics
from stellwerk.features.usage.spool import Spool
from stellwerk.features.usage.types import Batch, UsageRow

log = get_logger("usage")

# The rows themselves cannot be kept.
UNFIT = (asyncpg.DataError, struct.error, ValueError, TypeError, OverflowError)
# Whatever else PostgreSQL does not do now, it may do later.
FAILED = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # What asyncpg says where a line broke while a statement was being sent.
    asyncpg.InternalClientError,
    OSError,
)
ORPHANS_EVERY = 60.0


class Recorder:
    """The usage of one process.

    `record` only remembers a row. `running` writes what was remembered each
    `settings.flush_interval` seconds: what a `kill -9` loses. While PostgreSQL does not answer,
    rows go to a file in `directory`, which several processes may share, and from there into
    PostgreSQL when it is back. Each row is written once; what the files have no room for is
    dropped, counted and logged.
    """

    def __init__(
        self, database: Database, directory: Path, settings: UsageSettings, metrics: UsageMetrics
    ) -> None:
        self._interval = settings.flush_interval
        self._metrics = metrics
        self._writer = uuid4()
        self._sequence = 0
        self._rows: list[UsageRow] = []
        self._ledger = Ledger(
            database,
            rows_kept=timedelta(days=settings.retention_days),
            totals_kept=timedelta(days=settings.totals_days),
        )
        self._spool = Spool(directory, self._writer, settings.spool_limit)
        self._stop = asyncio.Event()
        self._away = False
        self._take_at = self._orphans_at = 0.0

    def record(self, row: UsageRow) -> None:
        """Remember a row; nothing is waited for."""
        self._rows.append(row)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Recorder"]:
        """Write rows until the context ends, and then those that are left."""
        try:
            # An error that nobody foresaw ends the process: calls that nobody counts are worse.
            async with asyncio.TaskGroup() as group:
                group.create_task(self._run())
                try:
                    yield self
                finally:
                    self._stop.set()
        finally:
            # Nothing is left unless this was cancelled.
            self._keep(self._take())
            self._spool.close()
            self._ledger.close()

    async def _run(self) -> None:
        ending = False
        while not ending:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), self._interval)
            ending = self._stop.is_set()
            await self.flush()

    async def flush(self) -> None:
        """Write what was recorded, after what waits in files."""
        batch = self._take()
        try:
            if self._spool.waiting:
                # A writer's batches are written in the order of their numbers.
                self._keep(batch)
            else:
                await self._hand_in(batch)
            batch = None
            if not self._stop.is_set():
                await self._catch_up()
        except FAILED as error:
            self._say(away=str(error) or type(error).__name__)
        else:
            self._say(away=None)
        finally:
            self._keep(batch)

    def _take(self) -> Batch | None:
        self._take_at = _now() + self._interval
        if not self._rows:
            return None
        rows, self._rows = self._rows, []
        self._sequence += 1
        return Batch(self._writer, self._sequence, rows)

    async def _hand_in(self, batch: Batch | None) -> None:
        """Write a batch. Raises one of `FAILED`; rows that cannot be kept at all are dropped."""
        if batch is None:
            return
        try:
            written = await self._ledger.write(batch)
        except UNFIT:
            try:
                written = await self._ledger.write(_storable(batch))
            except UNFIT as error:
                self._drop(batch, str(error))
                return
        if written:
            self._metrics.written.inc(len(batch.rows))

    def _keep(self, batch: Batch | None) -> None:
        """Keep a batch in the file, or drop it where it has no room."""
        if batch is None:
            return
        try:
            if not self._spool.append(_storable(batch)):
                self._drop(batch, "the files of waiting rows have reached usage.spool_limit")
                return
        except OSError as error:
            self._drop(batch, str(error))
            return
        self._metrics.spooled.inc(len(batch.rows))

    async def _catch_up(self) -> None:
        """Write what this process kept in its file, and what others left behind in theirs."""
        await self._drain(self._spool.batches())
        if _now() >= self._orphans_at:
            for batches in self._spool.orphans():
                await self._drain(batches)
            self._orphans_at = _now() + ORPHANS_EVERY
        await self._ledger.chores()

    async def _drain(self, batches: Iterator[Batch]) -> None:
        for batch in batches:
            await self._hand_in(batch)
            if _now() >= self._take_at:
                # A large file takes its time, and the rows of meanwhile must not stay in memory.
                self._keep(self._take())
            if self._stop.is_set():
                # The files are read again at the next start.
                return

    def _drop(self, batch: Batch, reason: str) -> None:
        self._metrics.dropped.inc(len(batch.rows))
        log.error("usage rows are dropped", rows=len(batch.rows), reason=reason)

    def _say(self, *, away: str | None) -> None:
        if away and not self._away:
            log.warning("usage cannot be written; rows wait in a file", reason=away)
        if self._away and not away:
            log.info("usage is written again")
        self._away = away is not None


def _storable(batch: Batch) -> Batch:
    return replace(batch, rows=[row.storable() for row in batch.rows])


def _now() -> float:
    return asyncio.get_running_loop().time()
