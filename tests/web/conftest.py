"""The web application over a real database and one upstream that a test scripts."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from stellwerk.base.model_entry import ModelEntry
from stellwerk.base.settings import QueueSettings, UsageSettings
from stellwerk.compose.engines import SPECS
from stellwerk.compose.exposition import exposition
from stellwerk.compose.stores import store_services
from stellwerk.data.blobs.heaps import Heaps
from stellwerk.data.blobs.store import Blobs
from stellwerk.data.database import Database
from stellwerk.features.batches.service import Batches
from stellwerk.features.catalog.describe import Describer
from stellwerk.features.catalog.service import Catalog
from stellwerk.features.catalog.types import Model
from stellwerk.features.files.links import Links
from stellwerk.features.files.service import Files
from stellwerk.features.files.uploads import Uploads
from stellwerk.features.keys.keyring import Keyring
from stellwerk.features.keys.projects import Projects
from stellwerk.features.keys.service import Keys
from stellwerk.features.keys.types import NewKey, Scope
from stellwerk.features.queue.overview import Overview
from stellwerk.features.queue.quota import Quota
from stellwerk.features.queue.service import Queue
from stellwerk.features.queue.waiting import Waiting
from stellwerk.features.usage.metrics import UsageMetrics
from stellwerk.features.usage.recorder import Recorder
from stellwerk.features.usage.service import Usage
from stellwerk.features.webhooks.service import Webhooks
from stellwerk.features.weights.store import Store
from stellwerk.operations.meter import Books
from stellwerk.operations.metrics import Metrics
from stellwerk.operations.run import Runner
from stellwerk.upstreams.pool import Pool, Timeouts
from stellwerk.upstreams.remote import Base, HttpRoute
from stellwerk.web.app import create_app
from stellwerk.web.hub import Hub, Queueing
from tests.admissions import admission
from tests.coloured_texts import ColouredTexts, coloured_texts
from tests.scripted import scripted, whole
from tests.word_vectors import WordVectors, word_vectors

LARGEST_FILE = 20 * 2**20


async def answer(writer: asyncio.StreamWriter) -> None:
    writer.write(whole(b'{"object":"chat.completion"}'))


async def nothing_loaded() -> dict[str, Any]:
    return {"budget": 1, "used": 0, "engines": []}


@dataclass
class Web:
    """A client with the admin key, the hub behind it, and the servers of its models."""

    client: httpx.AsyncClient
    hub: Hub
    embedding: WordVectors
    ocr: ColouredTexts

    async def key(self, name: str, *scopes: Scope, project: str = "default") -> dict[str, str]:
        issued = await self.hub.keys.create(NewKey(name=name, scopes=scopes, project=project))
        return {"Authorization": f"Bearer {issued.key}"}


@pytest.fixture
async def web(database: Database, tmp_path: Path) -> AsyncIterator[Web]:
    async with (
        scripted(answer) as upstream,
        admission(database, 30) as admits,
        Queue(database) as queue,
        word_vectors() as embedding,
        coloured_texts({}) as ocr,
    ):
        # As vLLM has it, which serves /pooling beside /v1.
        seen = ocr.url.removesuffix("/v1")
        entries = [
            {"id": "chat", "aliases": ["latest"], "upstream": {"url": upstream.url}},
            {"id": "vectors", "type": "EMBEDDING", "upstream": {"url": embedding.url}},
            {"id": "org/voice", "type": "STT", "upstream": {"url": upstream.url}},
            {"id": "ranker", "type": "RERANK", "upstream": {"url": embedding.url}},
            {"id": "reader", "type": "OCR", "upstream": {"url": ocr.url}},
            {"id": "sight", "type": "VISION_EMBEDDING", "upstream": {"url": seen}},
        ]
        models = [Model(ModelEntry.model_validate(entry), "file", 7) for entry in entries]
        catalog = Catalog(database, models)
        bases = [Base.of(url) for url in (upstream.url, embedding.url, ocr.url)]
        pools = [Pool(base.address, Timeouts(), None) for base in bases]
        names = ("chat", "vectors", "reader")
        targets = {
            name: (HttpRoute("target", name, base, pool),)
            for name, base, pool in zip(names, bases, pools, strict=True)
        }
        targets["sight"] = (HttpRoute("target", "org/sight", Base.of(seen), pools[2]),)
        targets["ranker"] = (HttpRoute("target", "ranker", bases[1], pools[1]),)
        registry = CollectorRegistry()
        metrics = Metrics(registry)
        heaps = Heaps(database, Blobs((tmp_path / "blobs").as_uri()))
        files = Files(database, heaps, max_size=LARGEST_FILE)
        kept_long = UsageSettings(retention_days=3650)
        recorder = Recorder(database, tmp_path, kept_long, UsageMetrics(registry))
        settings, waiting = QueueSettings(), Waiting(queue)
        describer = Describer(SPECS, Store(tmp_path))
        runner = Runner(
            catalog,
            lambda model: targets.get(model.id, targets["chat"]),
            admits,
            Books(metrics, recorder.record),
            describer.engine_does,
        )
        hub = Hub(
            database=database,
            keys=Keys(database),
            projects=Projects(database),
            admission=admits,
            keyring=Keyring(database),
            catalog=catalog,
            describer=describer,
            runner=runner,
            uploads=Uploads(files, 2**40),
            links=Links(b"key", "http://hub/v2/images/files"),
            usage=Usage(database, kept_long),
            recorder=recorder,
            stores=store_services(database, files, runner),
            engines=nothing_loaded,
            exposition=exposition(registry, nothing_loaded, metrics.flush, Overview(database)),
            max_body=10_000,
            max_recording=20_000,
            queueing=Queueing(
                queue=queue,
                waiting=waiting,
                quota=Quota(queue, settings),
                settings=settings,
                webhooks=Webhooks(database),
                overview=Overview(database),
                batches=Batches(database, files, settings.batches),
            ),
        )
        made = Web(None, hub, embedding, ocr)  # type: ignore[arg-type]  # its key needs the hub first
        admin = await made.key("admin", *Scope)
        transport = httpx.ASGITransport(create_app(hub))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://hub", headers=admin
        ) as client:
            made.client = client
            yield made
        for pool in pools:
            pool.close()
