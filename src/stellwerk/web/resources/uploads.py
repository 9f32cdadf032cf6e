"""`/uploads`: a large file in parts, as OpenAI's clients send it."""

from typing import Any

from fastapi import APIRouter, Request

from stellwerk.features.files.types import CompleteUpload, NewUpload, Upload, UploadPart
from stellwerk.features.files.uploads import LARGEST_PART
from stellwerk.web.auth import AnyHub, FilesCaller
from stellwerk.web.multipart import read_form
from stellwerk.web.resources.files import ENVELOPE, refuse_larger

DATA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["data"],
                    "properties": {
                        "data": {
                            "type": "string",
                            "format": "binary",
                            "description": f"The bytes of the part, at most {LARGEST_PART}.",
                        }
                    },
                }
            }
        },
    }
}


def router(prefix: str) -> APIRouter:
    routes = APIRouter(prefix=prefix, tags=["Files"], include_in_schema=prefix == "/v2")
    routes.post("/uploads", summary="Begin an upload in parts")(create)
    routes.get("/uploads/{upload_id}", summary="Retrieve an upload")(retrieve)
    routes.post(
        "/uploads/{upload_id}/parts", summary="Add a part to an upload", openapi_extra=DATA
    )(add_part)
    routes.post("/uploads/{upload_id}/complete", summary="Make a file of the parts")(complete)
    routes.post("/uploads/{upload_id}/cancel", summary="Cancel an upload")(cancel)
    return routes


async def create(new: NewUpload, hub: AnyHub, caller: FilesCaller) -> Upload:
    """It ends by itself after an hour."""
    return await hub.uploads.create(caller.project_id, new)


async def retrieve(upload_id: str, hub: AnyHub, caller: FilesCaller) -> Upload:
    return await hub.uploads.get(caller.project_id, upload_id)


async def add_part(
    upload_id: str, request: Request, hub: AnyHub, caller: FilesCaller
) -> UploadPart:
    """Parts may be sent side by side; `complete` tells their order."""
    refuse_larger(request, LARGEST_PART + ENVELOPE)
    async with hub.uploads.receive(caller.project_id, upload_id) as incoming:
        await read_form(request, "data", incoming)
        return await incoming.finish()


async def complete(
    upload_id: str, told: CompleteUpload, hub: AnyHub, caller: FilesCaller
) -> Upload:
    """The answer holds the file."""
    return await hub.uploads.complete(caller.project_id, upload_id, told)


async def cancel(upload_id: str, hub: AnyHub, caller: FilesCaller) -> Upload:
    """Its parts are deleted."""
    return await hub.uploads.cancel(caller.project_id, upload_id)
