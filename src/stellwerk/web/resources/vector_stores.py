"""`/vector_stores`: make, list, search and delete the vector stores of the key's project."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request

from stellwerk.features.keys.types import Principal, Scope
from stellwerk.features.stores import query as asking
from stellwerk.features.stores import types as shapes
from stellwerk.web.auth import AnyHub, FilesCaller
from stellwerk.web.hub import Hub
from stellwerk.web.stores import StoreServices, store_models

After = Annotated[str | None, Query(description="The last id of the page before.")]
Before = Annotated[str | None, Query(description="The first id of the page after.")]
Limit = Annotated[int, Query(ge=1, le=100, description="Most entries of a page.")]
Order = Annotated[Literal["asc", "desc"], Query(description="By age.")]


def router(prefix: str) -> APIRouter:
    routes = APIRouter(
        prefix=prefix + "/vector_stores",
        tags=["Vector stores"],
        include_in_schema=prefix == "/v2",
    )
    routes.post("", summary="Make a vector store")(create)
    routes.get("", summary="List vector stores")(list_stores)
    routes.get("/{store_id}", summary="Retrieve a vector store")(retrieve)
    routes.post("/{store_id}", summary="Change a vector store")(change)
    routes.delete("/{store_id}", summary="Delete a vector store")(delete)
    routes.post("/{store_id}/search", summary="Search a vector store")(search)
    return routes


async def create(new: shapes.NewStore, hub: AnyHub, caller: FilesCaller) -> shapes.Store:
    """Texts and page images are embedded by the models that `chunking_strategy` names."""
    services: StoreServices = hub.stores
    models = store_models(hub, caller, new.chunking_strategy)
    if new.file_ids:
        await admit(hub, caller, len(new.file_ids))
    async with hub.database.begin() as connection:
        store_id = await services.stores.create(connection, caller.project_id, new, models)
        if new.file_ids:
            cut = shapes.Chunking.model_validate(
                (new.chunking_strategy or shapes.Chunking()).model_dump(
                    include=set(shapes.Chunking.model_fields)
                )
            )
            files = [
                shapes.NewStoreFile(file_id=name, chunking_strategy=cut) for name in new.file_ids
            ]
            await services.attached.attach(connection, caller, store_id, files)
    return await services.stores.get(caller.project_id, store_id)


def may_embed(caller: Principal) -> None:
    """To put files in and to search costs calls of the model."""
    caller.require(Scope.INFERENCE)


async def admit(hub: Hub, caller: Principal, files: int) -> None:
    """Each file that is put in is a request of the queue, whose body is next to nothing."""
    may_embed(caller)
    await hub.queueing.quota.take(caller.key_id, 0, files)


async def list_stores(
    hub: AnyHub,
    caller: FilesCaller,
    after: After = None,
    before: Before = None,
    limit: Limit = 20,
    order: Order = "desc",
) -> shapes.StorePage:
    """The newest first, unless `order` says otherwise."""
    return await hub.stores.stores.page(
        caller.project_id, after=after, before=before, limit=limit, order=order
    )


async def retrieve(store_id: str, hub: AnyHub, caller: FilesCaller) -> shapes.Store:
    return await hub.stores.stores.get(caller.project_id, store_id)


async def change(
    store_id: str, changes: shapes.StoreChanges, hub: AnyHub, caller: FilesCaller
) -> shapes.Store:
    return await hub.stores.stores.change(caller.project_id, store_id, changes)


async def delete(store_id: str, hub: AnyHub, caller: FilesCaller) -> shapes.Deleted:
    """Its chunks go with it; the files stay."""
    await hub.stores.stores.delete(caller.project_id, store_id)
    return shapes.Deleted(id=store_id, object="vector_store.deleted")


async def search(
    store_id: str, asked: asking.Query, request: Request, hub: AnyHub, caller: FilesCaller
) -> asking.Hits:
    """By meaning and by words together; see `ranking_options.hybrid_search`."""
    may_embed(caller)
    name = request.scope["state"]["request_id"]
    return await hub.stores.search.search(caller, store_id, asked, name)
