"""Vector stores, put together for the processes that serve them and those that ingest."""

from stellwerk.base.settings import Settings
from stellwerk.data.database import Database
from stellwerk.features.files.service import Files
from stellwerk.features.stores.attached import Attached
from stellwerk.features.stores.file_batches import FileBatches
from stellwerk.features.stores.finding import Chunks
from stellwerk.features.stores.index import Index
from stellwerk.features.stores.pages import Pages
from stellwerk.features.stores.service import Stores
from stellwerk.operations.embed import Embedder
from stellwerk.operations.ingest import Ingest
from stellwerk.operations.looking import Looking
from stellwerk.operations.pages import PageModels, Pictures
from stellwerk.operations.reranking import Reranker
from stellwerk.operations.run import Runner
from stellwerk.operations.search import Search
from stellwerk.operations.seeing import Seer
from stellwerk.readers.limits import Limits
from stellwerk.readers.office import Office, program
from stellwerk.readers.process import ProcessReader
from stellwerk.web.stores import StoreServices


def store_services(database: Database, files: Files, runner: Runner) -> StoreServices:
    """For a hub."""
    heaps = files.heaps
    search = Search(
        Chunks(database),
        Pages(database),
        heaps.blobs,
        Embedder(runner),
        _page_models(runner),
        Reranker(runner),
    )
    return StoreServices(
        Stores(database, heaps),
        Attached(database, heaps),
        FileBatches(database, heaps),
        search,
    )


def ingest(database: Database, files: Files, runner: Runner, settings: Settings) -> Ingest:
    """For a worker."""
    reading = settings.reading
    limits = Limits(int(reading.memory), int(reading.expanded), reading.page_seconds, reading.pages)
    found = program(reading.office)
    office = Office(found, reading.office_seconds) if found is not None else None
    return Ingest(
        files,
        Index(database),
        ProcessReader(limits, office),
        Embedder(runner),
        Looking(runner.catalog, _page_models(runner)),
    )


def _page_models(runner: Runner) -> PageModels:
    return PageModels(runner.catalog, Pictures(runner), Embedder(runner), Seer(runner))
