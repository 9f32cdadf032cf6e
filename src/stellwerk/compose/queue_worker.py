"""One worker process: it takes requests off the queue until it is asked to stop."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from os import getpid
from typing import Any

import msgspec
import uvloop

from stellwerk.base.errors import UnavailableError
from stellwerk.base.log import configure
from stellwerk.base.settings import Settings
from stellwerk.compose.batches import batching, line_handlers
from stellwerk.compose.blobs import uploads_of
from stellwerk.compose.core import Core, end_with_parent, listening, open_core, running
from stellwerk.compose.stores import ingest
from stellwerk.data.notify import Heard
from stellwerk.features.batches.service import CHANNEL as BATCHES
from stellwerk.features.queue.claims import Claims
from stellwerk.features.queue.reading import CANCELLING
from stellwerk.features.queue.statements import NEW
from stellwerk.features.stores.attached import INGEST
from stellwerk.features.webhooks.deliveries import CHANNEL as WEBHOOKS
from stellwerk.features.webhooks.deliveries import Deliveries
from stellwerk.fetch.fetcher import Fetcher
from stellwerk.operations.registry import OPERATIONS
from stellwerk.worker.courier import Courier
from stellwerk.worker.handler import Handler, Ingesting, Verb
from stellwerk.worker.worker import Worker


class Orders(msgspec.Struct, frozen=True):
    """What the parent asks of a worker process: one line of JSON on its standard input."""

    broker: str
    dsn: str
    settings: dict[str, Any]


def main() -> None:
    """Work until SIGTERM; end at once when the parent is gone."""
    orders = msgspec.json.decode(sys.stdin.buffer.readline(), type=Orders)
    settings = Settings.model_validate(orders.settings)
    configure(settings.log.level, settings.log.form)
    uvloop.run(_work(orders, settings))


async def _work(orders: Orders, settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    loop.add_reader(0, end_with_parent)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(open_core(settings, orders.dsn, orders.broker))
        place = f"{socket.gethostname()}:{getpid()}"
        claims = await stack.enter_async_context(Claims(core.database, place))
        worker = _worker(core, claims, settings)
        courier = await stack.enter_async_context(_courier(core, settings))
        files = uploads_of(settings, core.database).files
        batches = batching(core, files, settings)
        await stack.enter_async_context(running(batches.run()))
        heard: dict[str, Heard] = {
            NEW: worker.wake,
            CANCELLING: worker.cancel,
            WEBHOOKS: courier.wake,
            BATCHES: batches.wake,
        }
        await stack.enter_async_context(listening(core, heard, []))
        async with worker.running():
            sys.stdout.write('{"ready": true}\n')
            sys.stdout.flush()
            await stopped.wait()
            await worker.stop(settings.shutdown_grace)


def _worker(core: Core, claims: Claims, settings: Settings) -> Worker:
    async def leases() -> dict[str, int]:
        """What local engines run, of the queue and of callers who wait."""
        try:
            books = await core.broker.snapshot()
        except UnavailableError:
            return {}
        return {engine["model"]: engine["leases"] for engine in books["engines"]}

    return Worker(claims, handlers(core, settings), leases, settings.queue)


@asynccontextmanager
async def _courier(core: Core, settings: Settings) -> AsyncIterator[Courier]:
    """Webhooks, as long as the context is open. What ended is shown as long as a request is."""
    kept = timedelta(seconds=settings.queue.retention)
    deliveries = Deliveries.of(core.database, kept)
    async with Fetcher(settings.fetch) as fetcher:
        courier = Courier(deliveries, fetcher)
        try:
            async with running(courier.run()):
                yield courier
        finally:
            await deliveries.close()


def handlers(core: Core, settings: Settings) -> dict[str, Handler]:
    """What may be queued, by the names that the rows have."""
    verbs: dict[str, Handler] = {
        operation.name: Verb(operation, core.runner, core.keyring) for operation in OPERATIONS
    }
    files = uploads_of(settings, core.database).files
    ingesting = ingest(core.database, files, core.runner, settings)
    return {**verbs, **line_handlers(core), INGEST: Ingesting(ingesting, core.keyring)}
