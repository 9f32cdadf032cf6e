"""The parent process: settings become a whole server."""

import sys

from stellwerk import __version__
from stellwerk.base.settings import Settings
from stellwerk.compose.blobs import blob_store
from stellwerk.compose.database import embedded_postgres
from stellwerk.compose.engines import SPECS
from stellwerk.compose.models import check_models, declared_models
from stellwerk.compose.tracing import check_tracing
from stellwerk.data.database import Database
from stellwerk.features.keys.service import Keys
from stellwerk.features.weights.store import Store
from stellwerk.migrations import upgrade
from stellwerk.supervisor.parent import Parts, supervise


async def serve(settings: Settings) -> None:
    """Serve until a signal asks to stop. Raises what `supervise` raises."""
    check_models(settings)
    check_tracing(settings.tracing)
    if settings.blobs.url is not None:
        blob_store(settings)
    postgres = embedded_postgres(settings, _say)
    url = settings.database.url
    dsn = postgres.dsn if postgres else url.get_secret_value() if url else ""

    async def prepare() -> None:
        async with Database(dsn, pool_size=1) as database:
            await upgrade(database)
            await _first_key(Keys(database))

    def announce(address: str) -> None:
        for line in _missing_weights(settings):
            _say(line)
        _tell(f"Documentation: {address}/redoc")
        _tell(f"Stellwerk {__version__} serves {address}/v2")

    parts = Parts(specs=SPECS, dsn=dsn, prepare=prepare, announce=announce, postgres=postgres)
    await supervise(settings, parts)


async def _first_key(keys: Keys) -> None:
    if issued := await keys.first_admin():
        _tell(f"Your admin key, shown this once: {issued.key}")


def _missing_weights(settings: Settings) -> list[str]:
    store = Store(settings.models_dir)
    return [
        f"{model.id} has no weights yet: stellwerk models pull {model.id}"
        for model in declared_models(settings)
        if model.entry.files and not store.present(model.entry)
    ]


def _tell(line: str) -> None:
    """What programs may read goes to standard output, and is there at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
