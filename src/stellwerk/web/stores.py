"""What the endpoints of vector stores need of a hub."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stellwerk.base.errors import InvalidRequestError, at_field
from stellwerk.features.catalog.errors import WrongModelError
from stellwerk.features.keys.types import Principal
from stellwerk.features.stores.attached import Attached
from stellwerk.features.stores.file_batches import FileBatches
from stellwerk.features.stores.service import Stores
from stellwerk.features.stores.types import Models, StoreModels
from stellwerk.operations.search import Search

if TYPE_CHECKING:
    from stellwerk.web.hub import Hub


@dataclass(frozen=True)
class StoreServices:
    """Stores, the files in them, and how they are searched."""

    stores: Stores
    attached: Attached
    batches: FileBatches
    search: Search


def store_models(hub: "Hub", caller: Principal, told: Models | None) -> StoreModels:
    """The models that a new store will use: those named, for texts else the key's first."""
    text = _text_model(hub, caller, told.text_embedding_model if told else None)
    if told is None or told.vision_embedding_model is None:
        return StoreModels(text, None)
    with at_field("chunking_strategy.vision_embedding_model"):
        vision = hub.catalog.models.get(told.vision_embedding_model)
        caller.require_model(vision.id)
        hub.stores.search.models.of(vision.id, text)
    return StoreModels(text, vision.id)


def _text_model(hub: "Hub", caller: Principal, named: str | None) -> str:
    if named:
        with at_field("chunking_strategy.text_embedding_model"):
            model = hub.catalog.models.get(named)
            caller.require_model(model.id)
            if model.entry.type != "EMBEDDING":
                raise WrongModelError(f"{model.id!r} does not embed texts.")
            return model.id
    for model in hub.catalog.models:
        if model.entry.type == "EMBEDDING" and caller.may_use(model.id):
            return model.id
    raise InvalidRequestError("Your key may use no embedding model.", param="chunking_strategy")
