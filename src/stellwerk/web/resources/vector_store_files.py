"""`/vector_stores/{id}/files` and `/file_batches`: put files in, follow them, take them out."""

from typing import Annotated

from fastapi import APIRouter, Query

from stellwerk.features.stores import types as shapes
from stellwerk.features.stores.file_batches import new_batch_id
from stellwerk.features.stores.query import Content, ContentPage
from stellwerk.web.auth import AnyHub, FilesCaller
from stellwerk.web.resources.vector_stores import After, Before, Limit, Order, admit

Filter = Annotated[
    shapes.Status | None, Query(alias="filter", description="Only files that stand so.")
]


def router(prefix: str) -> APIRouter:
    routes = APIRouter(
        prefix=prefix + "/vector_stores/{store_id}",
        tags=["Vector stores"],
        include_in_schema=prefix == "/v2",
    )
    routes.post("/files", summary="Put a file into a vector store")(attach)
    routes.get("/files", summary="List the files of a vector store")(list_files)
    routes.get("/files/{file_id}", summary="Retrieve a file of a vector store")(retrieve)
    routes.post("/files/{file_id}", summary="Change a file's attributes")(change)
    routes.delete("/files/{file_id}", summary="Take a file out of a vector store")(detach)
    routes.get("/files/{file_id}/content", summary="Read a file as it was cut")(content)
    routes.post("/file_batches", summary="Put files into a vector store together")(attach_batch)
    routes.get("/file_batches/{batch_id}", summary="Retrieve a batch of files")(retrieve_batch)
    routes.get("/file_batches/{batch_id}/files", summary="List the files of a batch")(batch_files)
    routes.post("/file_batches/{batch_id}/cancel", summary="Cancel a batch of files")(cancel_batch)
    return routes


async def attach(
    store_id: str, new: shapes.NewStoreFile, hub: AnyHub, caller: FilesCaller
) -> shapes.StoreFile:
    """A worker reads, cuts and embeds it; poll until `status` is no longer `in_progress`."""
    await admit(hub, caller, 1)
    async with hub.database.begin() as connection:
        await hub.stores.attached.attach(connection, caller, store_id, [new])
    return await hub.stores.attached.get(caller.project_id, store_id, new.file_id)


async def list_files(
    store_id: str,
    hub: AnyHub,
    caller: FilesCaller,
    status: Filter = None,
    after: After = None,
    before: Before = None,
    limit: Limit = 20,
    order: Order = "desc",
) -> shapes.StoreFilePage:
    return await hub.stores.attached.page(
        caller.project_id,
        store_id,
        status=status,
        after=after,
        before=before,
        limit=limit,
        order=order,
    )


async def retrieve(
    store_id: str, file_id: str, hub: AnyHub, caller: FilesCaller
) -> shapes.StoreFile:
    return await hub.stores.attached.get(caller.project_id, store_id, file_id)


async def change(
    store_id: str,
    file_id: str,
    changes: shapes.AttributeChanges,
    hub: AnyHub,
    caller: FilesCaller,
) -> shapes.StoreFile:
    return await hub.stores.attached.change(
        caller.project_id, store_id, file_id, changes.attributes or {}
    )


async def detach(store_id: str, file_id: str, hub: AnyHub, caller: FilesCaller) -> shapes.Deleted:
    """Its chunks go; the file stays."""
    await hub.stores.attached.detach(caller.project_id, store_id, file_id)
    return shapes.Deleted(id=file_id, object="vector_store.file.deleted")


async def content(store_id: str, file_id: str, hub: AnyHub, caller: FilesCaller) -> ContentPage:
    """Chunk by chunk; neighbours may share some text."""
    texts = await hub.stores.attached.texts(caller.project_id, store_id, file_id)
    return ContentPage(data=[Content(text=text) for text in texts])


async def attach_batch(
    store_id: str, new: shapes.NewBatch, hub: AnyHub, caller: FilesCaller
) -> shapes.Batch:
    """Up to 2,000 files, all of them or none."""
    files, batch_id = new.each(), new_batch_id()
    await admit(hub, caller, len(files))
    async with hub.database.begin() as connection:
        await hub.stores.attached.attach(connection, caller, store_id, files, batch_id)
    return await hub.stores.batches.get(caller.project_id, store_id, batch_id)


async def retrieve_batch(
    store_id: str, batch_id: str, hub: AnyHub, caller: FilesCaller
) -> shapes.Batch:
    return await hub.stores.batches.get(caller.project_id, store_id, batch_id)


async def batch_files(
    store_id: str,
    batch_id: str,
    hub: AnyHub,
    caller: FilesCaller,
    status: Filter = None,
    after: After = None,
    before: Before = None,
    limit: Limit = 20,
    order: Order = "desc",
) -> shapes.StoreFilePage:
    await hub.stores.batches.get(caller.project_id, store_id, batch_id)
    return await hub.stores.attached.page(
        caller.project_id,
        store_id,
        batch_id=batch_id,
        status=status,
        after=after,
        before=before,
        limit=limit,
        order=order,
    )


async def cancel_batch(
    store_id: str, batch_id: str, hub: AnyHub, caller: FilesCaller
) -> shapes.Batch:
    """Files that can be found already stay; of the others nothing does."""
    return await hub.stores.batches.cancel(caller.project_id, store_id, batch_id)
