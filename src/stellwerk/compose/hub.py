"""One hub process: it serves the listening socket that its parent hands over."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import msgspec
import uvicorn
import uvloop

from stellwerk.base.log import configure
from stellwerk.base.settings import Settings
from stellwerk.compose.blobs import uploads_of
from stellwerk.compose.core import end_with_parent, listening, open_core, running
from stellwerk.compose.exposition import exposition
from stellwerk.compose.stores import store_services
from stellwerk.features.batches.service import Batches
from stellwerk.features.files.sweep import keep_sweeping, sweep
from stellwerk.features.keys.projects import Projects
from stellwerk.features.keys.service import Keys
from stellwerk.features.queue.overview import Overview
from stellwerk.features.queue.quota import Quota
from stellwerk.features.queue.service import Queue
from stellwerk.features.queue.statements import DONE, EVENTS
from stellwerk.features.queue.waiting import Waiting
from stellwerk.features.stores.large import keep_indexes
from stellwerk.features.usage.service import Usage
from stellwerk.features.webhooks.service import Webhooks
from stellwerk.http.shutdown import ShuttingDownError
from stellwerk.lane.lane import Lane
from stellwerk.lane.protocol import LaneProtocol
from stellwerk.operations.registry import OPERATIONS
from stellwerk.web.app import PREFIXES, create_app
from stellwerk.web.hub import Hub, Queueing


class Orders(msgspec.Struct, frozen=True):
    """What the parent asks of a hub process: one line of JSON on its standard input."""

    fd: int
    broker: str
    dsn: str
    settings: dict[str, Any]


LAST_WORDS = 0.1


def main() -> None:
    """Serve until SIGTERM; end at once when the parent is gone."""
    orders = msgspec.json.decode(sys.stdin.buffer.readline(), type=Orders)
    settings = Settings.model_validate(orders.settings)
    configure(settings.log.level, settings.log.form)
    # uvicorn listens for these while it serves, and raises them again for those who listened
    # before; without a listener that would end this process before it has tidied up.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    config = uvicorn.Config(
        _late_app,
        loop="none",
        http="httptools",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=round(settings.shutdown_grace),
        timeout_keep_alive=75,
    )
    uvloop.run(_serve(orders, settings, config))


class Server(uvicorn.Server):
    """Tells the parent when it serves, and ends the lane's calls when the grace is over."""

    def __init__(self, config: uvicorn.Config, lane: Lane) -> None:
        super().__init__(config)
        self._lane = lane

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write('{"ready": true}\n')
        sys.stdout.flush()
        self._lane.watch()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        self._lane.close(ShuttingDownError())
        # What was written last is sent when the loop comes round.
        await asyncio.sleep(LAST_WORDS)


async def _late_app(*_: object) -> None:
    """Stands in the configuration until the hub is open; the server never sees it."""


async def _serve(orders: Orders, settings: Settings, config: uvicorn.Config) -> None:
    asyncio.get_running_loop().add_reader(0, end_with_parent)
    async with open_hub(settings, orders.dsn, orders.broker) as hub:
        # What is here now stays; to walk through it again and again would cost every request.
        gc.collect()
        gc.freeze()
        config.app = create_app(hub)
        lane = Lane(
            hub.runner,
            hub.keyring,
            max_body=hub.max_body,
            # Uploads are large and rare, and the other side reads them as well.
            operations=[operation for operation in OPERATIONS if not operation.form],
            prefixes=PREFIXES,
        )
        config.http = partial(LaneProtocol, lane)  # type: ignore[assignment]
        await Server(config, lane).serve([socket.socket(fileno=orders.fd)])


@asynccontextmanager
async def open_hub(settings: Settings, dsn: str, broker_socket: str) -> AsyncIterator[Hub]:
    """Connect all that a hub needs, and keep it current until the context ends."""
    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(open_core(settings, dsn, broker_socket))
        uploads = uploads_of(settings, core.database)
        queue = await stack.enter_async_context(Queue(core.database))
        waiting = Waiting(queue)
        heard = {DONE: waiting.heard, EVENTS: waiting.heard}
        await stack.enter_async_context(listening(core, heard, [waiting.poll]))
        stores = store_services(core.database, uploads.files, core.runner)
        sweeps = (partial(sweep, uploads), stores.stores.expire, stores.attached.reconcile)
        await stack.enter_async_context(running(keep_sweeping(sweeps)))
        # Beside the others: to build an index may take minutes.
        indexing = keep_sweeping([partial(keep_indexes, core.database)])
        await stack.enter_async_context(running(indexing))
        overview = Overview(core.database)
        yield Hub(
            database=core.database,
            keys=Keys(core.database),
            projects=Projects(core.database),
            admission=core.admission,
            keyring=core.keyring,
            catalog=core.catalog,
            describer=core.describer,
            uploads=uploads,
            links=core.links,
            stores=stores,
            usage=Usage(core.database, settings.usage),
            recorder=core.recorder,
            runner=core.runner,
            engines=core.broker.snapshot,
            exposition=exposition(
                core.registry, core.broker.snapshot, core.flush_metrics, overview
            ),
            max_body=settings.max_body,
            queueing=Queueing(
                queue=queue,
                waiting=waiting,
                quota=Quota(queue, settings.queue),
                settings=settings.queue,
                webhooks=Webhooks(core.database),
                overview=overview,
                batches=Batches(core.database, uploads.files, settings.queue.batches),
            ),
            max_recording=settings.max_recording,
        )
