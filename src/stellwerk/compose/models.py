"""The models that the settings declare, and where their weights lie."""

from stellwerk.base.model_entry import ModelEntry
from stellwerk.base.settings import Settings
from stellwerk.compose.engines import SPECS
from stellwerk.features.catalog.describe import Describer
from stellwerk.features.catalog.starter import STARTER_MODELS
from stellwerk.features.catalog.types import Model
from stellwerk.features.weights.store import Store

# Entries of the program and of the file were not made at a time that is recorded; a list needs
# a number that does not change between two calls: the day of the first version.
CREATED = 1_790_000_000


def declared_models(settings: Settings) -> list[Model]:
    """Starter models, then those of the configuration file, which replace them."""
    starter: tuple[ModelEntry, ...] = STARTER_MODELS if settings.starter_models else ()
    return [
        *(Model(entry, "starter", CREATED) for entry in starter),
        *(Model(entry, "file", CREATED) for entry in settings.models),
    ]


def describer(settings: Settings) -> Describer:
    """Raises `InvalidRequestError` when a declared model names an engine that is not there."""
    made = Describer(SPECS, Store(settings.models_dir))
    for model in declared_models(settings):
        made.check(model.entry)
    return made
