"""What the endpoints of vector stores need of a hub."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stellwerk.base.errors import InvalidRequestError
from stellwerk.features.catalog.errors import WrongModelError
from stellwerk.features.keys.types import Principal
from stellwerk.features.stores.attached import Attached
from stellwerk.features.stores.errors import NotOfferedError
from stellwerk.features.stores.service import Stores
from stellwerk.features.stores.types import Models
from stellwerk.operations.search import Search

if TYPE_CHECKING:
    from stellwerk.web.hub import Hub


@dataclass(frozen=True)
class StoreServices:
    """Stores, the files in them, and how they are searched."""

    stores: Stores
    attached: Attached
    search: Search


def embedding_model(hub: "Hub", caller: Principal, told: Models | None) -> str:
    """The model that a new store will use: the one that is named, or the key's first."""
    if told and told.vision_embedding_model:
        raise NotOfferedError(
            "`chunking_strategy.vision_embedding_model`: there is no model for page images here; "
            "leave it out.",
            param="chunking_strategy.vision_embedding_model",
        )
    if told and told.text_embedding_model:
        model = hub.catalog.models.get(told.text_embedding_model)
        caller.require_model(model.id)
        if model.entry.type != "EMBEDDING":
            raise WrongModelError(
                f"{model.id!r} does not embed texts.",
                param="chunking_strategy.text_embedding_model",
            )
        return model.id
    for model in hub.catalog.models:
        if model.entry.type == "EMBEDDING" and caller.may_use(model.id):
            return model.id
    raise InvalidRequestError("Your key may use no embedding model.", param="chunking_strategy")
