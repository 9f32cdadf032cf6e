"""What every process that runs operations is made of: hubs and workers alike."""

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry

from stellwerk.base.settings import Settings
from stellwerk.compose.blobs import uploads_of
from stellwerk.compose.models import declared_models, describer
from stellwerk.compose.routing import Routing
from stellwerk.compose.tracing import tracing
from stellwerk.data.database import Database
from stellwerk.data.notify import Heard, Listener, Poll
from stellwerk.features.catalog.describe import Describer
from stellwerk.features.catalog.service import CHANNEL as MODELS
from stellwerk.features.catalog.service import Catalog
from stellwerk.features.files.links import Links, link_key
from stellwerk.features.keys.keyring import Keyring
from stellwerk.features.keys.service import CHANNEL as KEYS
from stellwerk.features.limits.ledger import CHANNEL as LIMITS
from stellwerk.features.limits.metrics import LimitMetrics
from stellwerk.features.limits.service import Admission, admission
from stellwerk.features.usage.metrics import UsageMetrics
from stellwerk.features.usage.recorder import Recorder
from stellwerk.fetch.fetcher import Fetcher
from stellwerk.operations.gallery import Gallery
from stellwerk.operations.meter import Books
from stellwerk.operations.metrics import Metrics
from stellwerk.operations.run import Runner
from stellwerk.operations.sight.sight import Sight
from stellwerk.supervisor.control import BrokerClient
from stellwerk.upstreams.metrics import TargetMetrics
from stellwerk.web.resources import images


@dataclass(frozen=True)
class Core:
    """The database, who may do what with which model, and the one way to the models."""

    database: Database
    keyring: Keyring
    catalog: Catalog
    describer: Describer
    broker: BrokerClient
    registry: CollectorRegistry
    recorder: Recorder
    admission: Admission
    metrics: Metrics
    targets: TargetMetrics
    links: Links
    runner: Runner

    def flush_metrics(self) -> None:
        """Hand what was counted to prometheus-client."""
        self.metrics.flush()
        self.targets.flush()


@asynccontextmanager
async def open_core(settings: Settings, dsn: str, broker_socket: str) -> AsyncIterator[Core]:
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            Database(dsn, pool_size=settings.database.pool_size)
        )
        catalog = Catalog(database, declared_models(settings))
        await catalog.load()
        broker = await stack.enter_async_context(BrokerClient(broker_socket))
        weights = describer(settings)
        routing = await stack.enter_async_context(Routing(broker, weights))
        registry = CollectorRegistry()
        metrics = Metrics(registry)
        spans = stack.enter_context(tracing(settings.tracing))
        recorder = Recorder(
            database, settings.data_dir / "usage", settings.usage, UsageMetrics(registry)
        )
        await stack.enter_async_context(recorder.running())
        admits = await stack.enter_async_context(
            admission(database, settings.limits.grace, LimitMetrics(registry))
        )
        files = uploads_of(settings, database).files
        links = Links(await link_key(database), settings.links_url + images.PATH)
        fetcher = await stack.enter_async_context(Fetcher(settings.fetch))
        yield Core(
            database=database,
            keyring=Keyring(database),
            catalog=catalog,
            describer=weights,
            broker=broker,
            registry=registry,
            recorder=recorder,
            admission=admits,
            metrics=metrics,
            targets=TargetMetrics(registry, routing.every),
            links=links,
            runner=Runner(
                catalog,
                routing.of,
                admits,
                Books(metrics, recorder.record, spans),
                weights.engine_does,
                Sight(fetcher, files, settings.pictures),
                Gallery(files, links, settings.pictures.link_seconds),
            ),
        )


@asynccontextmanager
async def listening(
    core: Core, heard: Mapping[str, Heard], polls: Sequence[Poll]
) -> AsyncIterator[None]:
    """Hear of changed keys and models, and on top of that what `heard` and `polls` say."""

    async def keys_changed(_: str) -> None:
        core.keyring.forget()

    async def models_changed(_: str) -> None:
        await core.catalog.load()

    async def poll() -> None:
        core.flush_metrics()
        for each in (core.keyring.poll, core.catalog.load, *polls):
            await each()

    own: dict[str, Heard] = {
        KEYS: keys_changed,
        MODELS: models_changed,
        LIMITS: core.admission.wanted,
    }
    channels = {**own, **heard}
    # A process that cannot hear must not go on.
    async with running(Listener(core.database, channels, poll=poll).run()):
        yield


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` beside the context; an error of it ends both."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        try:
            yield
        finally:
            task.cancel()


def end_with_parent() -> None:
    """To be called when standard input can be read: its end is the parent's."""
    if not os.read(0, 4096):
        os._exit(1)
