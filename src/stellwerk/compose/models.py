"""The models that the settings declare, and where their weights lie."""

from collections.abc import Iterable

from stellwerk.base.errors import InvalidRequestError, StellwerkError
from stellwerk.base.log import get_logger
from stellwerk.base.model_entry import ModelEntry
from stellwerk.base.settings import Settings
from stellwerk.compose.database import open_database
from stellwerk.compose.engines import SPECS
from stellwerk.engines.directory import NoDirectoryError
from stellwerk.features.catalog.describe import Describer
from stellwerk.features.catalog.service import Catalog
from stellwerk.features.catalog.starter import starter_models
from stellwerk.features.catalog.types import Model, Models
from stellwerk.features.catalog.upstream_key import check_key_of_file
from stellwerk.features.weights.progress import shown
from stellwerk.features.weights.store import Store

log = get_logger("catalog")

# Entries of the program and of the file were not made at a time that is recorded; a list needs
# a number that does not change between two calls: the day of the first version.
CREATED = 1_790_000_000


def declared_models(settings: Settings) -> list[Model]:
    """Starter models, then those of the configuration file, which replace them."""
    starter: tuple[ModelEntry, ...] = starter_models() if settings.starter_models else ()
    return [
        *(Model(entry, "starter", CREATED) for entry in starter),
        *(Model(entry, "file", CREATED) for entry in settings.models),
    ]


def describer(settings: Settings) -> Describer:
    """Raises `InvalidRequestError` for a declared model with an engine that is not there.

    So it does for an upstream's key that stands in one of our own settings.
    """
    made = Describer(SPECS, Store(settings.models_dir))
    for model in declared_models(settings):
        made.check_engine(model.entry)
        check_key_of_file(model.entry)
    return made


def check_models(settings: Settings) -> None:
    """Raises `InvalidRequestError` and `EntryConflictError` for what can never be served.

    A directory that is missing may come back, and keeps no other model from being served.
    """
    engines = describer(settings)
    declared = declared_models(settings)
    Models.of(declared)
    for model in declared:
        try:
            engines.check(model.entry)
        except InvalidRequestError as error:
            if not isinstance(error.__cause__, NoDirectoryError):
                raise
            log.warning("a model cannot be loaded", model=model.id, error=error.message)


async def known_models(settings: Settings) -> Models:
    """The whole catalogue; a database that was never made is not made for it."""
    declared = declared_models(settings)
    if settings.database.url is None and not (settings.data_dir / "postgres").exists():
        return Models.of(declared)
    async with open_database(settings) as database:
        catalog = Catalog(database, declared)
        await catalog.load()
        return catalog.models


def pull(settings: Settings, models: Iterable[Model]) -> list[StellwerkError]:
    """Fetch what is missing of each model, with progress on standard error; gives the failures."""
    store = Store(settings.models_dir)
    failed: list[StellwerkError] = []
    with shown() as progress:
        for model in models:
            try:
                store.pull(model.entry, progress)
            except StellwerkError as error:
                failed.append(error)
    return failed
