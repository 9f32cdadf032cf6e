"""A process that records: `python -m tests.features.usage.recording DSN DIRECTORY INTERVAL ROWS`.

It prints the time (Unix seconds) of each row as it records it, one in two milliseconds, and after
the last one stays until it is killed.
"""

import asyncio
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry

from stellwerk.base.settings import UsageSettings
from stellwerk.data.database import Database
from stellwerk.features.usage.metrics import UsageMetrics
from stellwerk.features.usage.recorder import Recorder
from tests.features.usage.rows import row


async def main(dsn: str, directory: str, interval: str, rows: str) -> None:
    settings = UsageSettings(flush_interval=float(interval))
    metrics = UsageMetrics(CollectorRegistry())
    async with Database(dsn) as database:
        recorder = Recorder(database, Path(directory), settings, metrics)
        async with recorder.running():
            for number in range(int(rows)):
                made = row(number)
                recorder.record(made)
                print(made.time, flush=True)
                await asyncio.sleep(0.002)
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
