"""One hub process: it serves the listening socket that its parent hands over."""

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import msgspec
import uvicorn
import uvloop
from prometheus_client import CollectorRegistry

from stellwerk.base.log import configure
from stellwerk.base.settings import Settings
from stellwerk.base.telemetry import Metrics
from stellwerk.compose.blobs import blob_store
from stellwerk.compose.exposition import exposition
from stellwerk.compose.models import declared_models, describer
from stellwerk.compose.routing import Routing
from stellwerk.data.blobs.heaps import Heaps
from stellwerk.data.database import Database
from stellwerk.data.notify import Listener
from stellwerk.features.catalog.service import CHANNEL as MODELS
from stellwerk.features.catalog.service import Catalog
from stellwerk.features.files.service import Files
from stellwerk.features.files.sweep import keep_sweeping
from stellwerk.features.files.uploads import Uploads
from stellwerk.features.keys.keyring import Keyring
from stellwerk.features.keys.projects import Projects
from stellwerk.features.keys.service import CHANNEL as KEYS
from stellwerk.features.keys.service import Keys
from stellwerk.features.limits.ledger import CHANNEL as LIMITS
from stellwerk.features.limits.service import Admission, admission
from stellwerk.features.usage.metrics import UsageMetrics
from stellwerk.features.usage.recorder import Recorder
from stellwerk.features.usage.service import Usage
from stellwerk.http.shutdown import ShuttingDownError
from stellwerk.lane.lane import Lane
from stellwerk.lane.protocol import LaneProtocol
from stellwerk.operations.meter import Books
from stellwerk.operations.registry import OPERATIONS
from stellwerk.operations.run import Runner
from stellwerk.supervisor.control import BrokerClient
from stellwerk.web.app import PREFIXES, create_app
from stellwerk.web.hub import Hub


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
    asyncio.get_running_loop().add_reader(0, _end_with_parent)
    async with open_hub(settings, orders.dsn, orders.broker) as hub:
        # What is here now stays; to walk through it again and again would cost every request.
        gc.collect()
        gc.freeze()
        config.app = create_app(hub)
        lane = Lane(
            hub.runner,
            hub.keyring,
            max_body=hub.max_body,
            operations=OPERATIONS,
            prefixes=PREFIXES,
        )
        config.http = partial(LaneProtocol, lane)  # type: ignore[assignment]
        await Server(config, lane).serve([socket.socket(fileno=orders.fd)])


def _end_with_parent() -> None:
    if not os.read(0, 4096):
        os._exit(1)


@asynccontextmanager
async def open_hub(settings: Settings, dsn: str, broker_socket: str) -> AsyncIterator[Hub]:
    """Connect all that a hub needs, and keep it current until the context ends."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            Database(dsn, pool_size=settings.database.pool_size)
        )
        keyring = Keyring(database)
        catalog = Catalog(database, declared_models(settings))
        await catalog.load()
        broker = await stack.enter_async_context(BrokerClient(broker_socket))
        weights = describer(settings)
        routing = await stack.enter_async_context(Routing(broker, weights))
        registry = CollectorRegistry()
        metrics = Metrics(registry)
        uploads = _uploads(settings, database)
        recorder = Recorder(
            database, settings.data_dir / "usage", settings.usage, UsageMetrics(registry)
        )
        await stack.enter_async_context(recorder.running())
        admits = await stack.enter_async_context(admission(database, settings.limits.grace))
        await stack.enter_async_context(_listening(database, keyring, catalog, metrics, admits))
        await stack.enter_async_context(_running(keep_sweeping(uploads)))
        yield Hub(
            database=database,
            keys=Keys(database),
            projects=Projects(database),
            admission=admits,
            keyring=keyring,
            catalog=catalog,
            describer=weights,
            runner=Runner(catalog, routing.of, admits, Books(metrics, recorder.record)),
            uploads=uploads,
            usage=Usage(database, settings.usage),
            recorder=recorder,
            engines=broker.snapshot,
            exposition=exposition(registry, broker.snapshot, metrics.flush),
            max_body=settings.max_body,
        )


def _uploads(settings: Settings, database: Database) -> Uploads:
    heaps = Heaps(database, blob_store(settings))
    return Uploads(Files(database, heaps, settings.files.max_size), settings.files.max_upload)


@asynccontextmanager
async def _listening(
    database: Database,
    keyring: Keyring,
    catalog: Catalog,
    metrics: Metrics,
    admits: Admission,
) -> AsyncIterator[None]:
    async def keys_changed(_: str) -> None:
        keyring.forget()

    async def models_changed(_: str) -> None:
        await catalog.load()

    async def poll() -> None:
        metrics.flush()
        await keyring.poll()
        await catalog.load()

    heard = {KEYS: keys_changed, MODELS: models_changed, LIMITS: admits.wanted}
    # A hub that cannot hear must not serve on.
    async with _running(Listener(database, heard, poll=poll).run()):
        yield


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` beside the context; an error of it ends both."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        try:
            yield
        finally:
            task.cancel()
