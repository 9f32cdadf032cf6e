"""All that the web door needs of a running hub."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import HTTPConnection

from stellwerk.base.settings import QueueSettings
from stellwerk.data.database import Database
from stellwerk.features.batches.service import Batches
from stellwerk.features.catalog.describe import Describer
from stellwerk.features.catalog.service import Catalog
from stellwerk.features.files.links import Links
from stellwerk.features.files.service import Files
from stellwerk.features.files.uploads import Uploads
from stellwerk.features.keys.keyring import Keyring
from stellwerk.features.keys.projects import Projects
from stellwerk.features.keys.service import Keys
from stellwerk.features.limits.service import Admission
from stellwerk.features.queue.overview import Overview
from stellwerk.features.queue.quota import Quota
from stellwerk.features.queue.service import Queue
from stellwerk.features.queue.waiting import Waiting
from stellwerk.features.usage.recorder import Recorder
from stellwerk.features.usage.service import Usage
from stellwerk.features.webhooks.service import Webhooks
from stellwerk.operations.run import Runner
from stellwerk.web.stores import StoreServices

Snapshot = Callable[[], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class Queueing:
    """The queue, those who wait for it here, how much each key may put in, and who is told."""

    queue: Queue
    waiting: Waiting
    quota: Quota
    settings: QueueSettings
    webhooks: Webhooks
    overview: Overview
    batches: Batches


@dataclass(frozen=True)
class Hub:
    """The services of one hub process, made by `stellwerk.compose`.

    `engines` tells what the broker has loaded; `exposition` is the page of metrics.
    """

    database: Database
    keys: Keys
    projects: Projects
    admission: Admission
    keyring: Keyring
    catalog: Catalog
    describer: Describer
    uploads: Uploads
    links: Links
    stores: StoreServices
    usage: Usage
    recorder: Recorder
    runner: Runner
    engines: Snapshot
    exposition: Callable[[], Awaitable[bytes]]
    max_body: int
    queueing: Queueing
    max_recording: int = 256 * 2**20

    @property
    def files(self) -> Files:
        return self.uploads.files


def hub_of(connection: HTTPConnection) -> Hub:
    """The hub that this application serves (a FastAPI dependency)."""
    hub: Hub = connection.app.state.hub
    return hub
