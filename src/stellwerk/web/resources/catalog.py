"""`/admin/models`: the catalogue, changed at run time; `/admin/engines`: what is loaded."""

from typing import Any, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from stellwerk.base.errors import InvalidRequestError
from stellwerk.base.model_entry import ModelEntry
from stellwerk.features.catalog.merged import LeftOut
from stellwerk.features.catalog.types import Model
from stellwerk.web.auth import AnyHub, administrator

routes = APIRouter(prefix="/admin", tags=["Admin"], dependencies=[Depends(administrator)])


class CatalogModel(BaseModel):
    """An entry of the catalogue, and where it comes from."""

    id: str = Field(description="The model's id.")
    origin: Literal["starter", "file", "admin"] = Field(description="Who wrote the entry.")
    entry: ModelEntry | None = Field(
        description="The entry as it was written; null where this version cannot read it."
    )
    problem: str | None = Field(
        default=None, description="Why the model is not offered; null where it is."
    )

    @classmethod
    def of(cls, model: Model) -> "CatalogModel":
        return cls(id=model.id, origin=model.origin, entry=model.entry)

    @classmethod
    def left_out(cls, one: LeftOut) -> "CatalogModel":
        return cls(id=one.id, origin="admin", entry=one.entry, problem=one.reason.message)


class CatalogList(BaseModel):
    """All entries of the catalogue."""

    object: Literal["list"] = "list"
    data: list[CatalogModel] = Field(description="The entries.")
    has_more: bool = Field(default=False, description="Always false: this is the whole list.")


@routes.get("/models", summary="List catalogue entries")
async def list_entries(hub: AnyHub) -> CatalogList:
    """Those that are offered, then those that were made here and have a problem."""
    offered = [CatalogModel.of(model) for model in hub.catalog.models]
    left_out = [CatalogModel.left_out(one) for one in hub.catalog.left_out]
    return CatalogList(data=[*offered, *left_out])


@routes.post("/models", status_code=201, summary="Add a catalogue entry")
async def add(entry: ModelEntry, hub: AnyHub) -> CatalogModel:
    hub.describer.check(entry)
    return CatalogModel.of(await hub.catalog.put(entry, new=True))


@routes.put("/models/{model:path}", summary="Add or replace a catalogue entry")
async def put(model: str, entry: ModelEntry, hub: AnyHub) -> CatalogModel:
    if model != entry.id:
        raise InvalidRequestError(
            f"The address names {model!r} and the body {entry.id!r}.", param="id"
        )
    hub.describer.check(entry)
    return CatalogModel.of(await hub.catalog.put(entry))


@routes.delete("/models/{model:path}", status_code=204, summary="Remove a catalogue entry")
async def remove(model: str, hub: AnyHub) -> Response:
    """Only entries that were made here can be removed here."""
    await hub.catalog.remove(model)
    return Response(status_code=204)


@routes.get("/engines", summary="What is loaded, and how much memory it takes")
async def engines(hub: AnyHub) -> dict[str, Any]:
    return await hub.engines()
