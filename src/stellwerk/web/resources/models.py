"""`GET /models` and `GET /models/{id}` below every documented prefix."""

from collections.abc import Callable

from fastapi import APIRouter

from stellwerk.features.catalog.errors import UnknownModelError
from stellwerk.features.catalog.types import Model
from stellwerk.features.keys.types import Principal
from stellwerk.web.auth import AnyHub, AnyPrincipal
from stellwerk.web.hub import Hub
from stellwerk.web.json import StructResponse
from stellwerk.wire.models import ModelList, ModelObject

Shown = Callable[[Model], bool]


def every(_: Model) -> bool:
    return True


def audio(model: Model) -> bool:
    return model.entry.type == "STT"


def vision(model: Model) -> bool:
    return "image" in model.entry.meta_data.input_modalities


# Base URLs that clients are documented with, and what their lists show.
PREFIXES: dict[str, Shown] = {
    "/v2": every,
    "/v1": every,
    "/queue": every,
    "/v2/coding": every,
    "/v1/coding": every,
    "/v2/openai": every,
    "/v1/openai": every,
    "/v2/audio": audio,
    "/v1/audio": audio,
    "/queue/audio": audio,
    "/audio": audio,
    "/vision": vision,
}


def router(prefix: str, shown: Shown) -> APIRouter:
    routes = APIRouter(prefix=prefix, tags=["Models"], include_in_schema=prefix == "/v2")

    @routes.get("/models", summary="List models", response_class=StructResponse)
    async def list_models(hub: AnyHub, caller: AnyPrincipal) -> StructResponse:
        """The models that the API key may use."""
        models = [hub.describer.show(model) for model in _visible(hub, caller, shown)]
        ids = [model.id for model in models]
        return StructResponse(
            ModelList(data=models, first_id=ids[0], last_id=ids[-1]) if ids else ModelList(data=[])
        )

    @routes.get("/models/{model:path}", summary="Retrieve a model", response_class=StructResponse)
    async def retrieve_model(model: str, hub: AnyHub, caller: AnyPrincipal) -> StructResponse:
        """One model, by its id or an alias."""
        return StructResponse(_one(hub, caller, model, shown))

    return routes


def _visible(hub: Hub, caller: Principal, shown: Shown) -> list[Model]:
    return [model for model in hub.catalog.models if shown(model) and caller.may_use(model.id)]


def _one(hub: Hub, caller: Principal, name: str, shown: Shown) -> ModelObject:
    model = hub.catalog.models.get(name)
    caller.require_model(model.id)
    if not shown(model):
        raise UnknownModelError(f"The model {name!r} is not of this kind.", param="model")
    return hub.describer.show(model)
