"""`/files`: upload, list, retrieve, read and delete the files of the key's project."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from stellwerk.base.errors import InvalidRequestError
from stellwerk.features.files.types import (
    PURPOSES,
    AnyPurpose,
    DeletedFile,
    File,
    FileList,
    NewFile,
)
from stellwerk.http.limits import too_large
from stellwerk.web.auth import AnyHub, FilesCaller
from stellwerk.web.content import content_response
from stellwerk.web.hub import Hub
from stellwerk.web.multipart import Form, read_form

PREFIXES = ("/v2", "/v1", "/v2/openai", "/v1/openai")

# What a form has around the file.
ENVELOPE = 2**20
FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "purpose"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "The file; its name is kept.",
                        },
                        "purpose": {
                            "type": "string",
                            "enum": list(PURPOSES),
                            "description": "What it is for.",
                        },
                        "expires_after[anchor]": {
                            "type": "string",
                            "enum": ["created_at"],
                            "description": "Goes with `expires_after[seconds]`.",
                        },
                        "expires_after[seconds]": {
                            "type": "integer",
                            "description": "Seconds after which it is deleted: an hour to 30 days.",
                        },
                    },
                }
            }
        },
    }
}


def router(prefix: str) -> APIRouter:
    routes = APIRouter(prefix=prefix, tags=["Files"], include_in_schema=prefix == "/v2")
    routes.post("/files", summary="Upload a file", openapi_extra=FORM)(create)
    routes.get("/files", summary="List files")(list_files)
    routes.get("/files/{file_id}", summary="Retrieve a file")(retrieve)
    routes.delete("/files/{file_id}", summary="Delete a file")(delete)
    routes.get(
        "/files/{file_id}/content", summary="Read a file's content", response_class=Response
    )(content)
    return routes


async def create(request: Request, hub: AnyHub, caller: FilesCaller) -> File:
    """The answer comes when the file is whole and safe. Nothing stays of one that was cut."""
    refuse_larger(request, hub.files.max_size + ENVELOPE)
    async with hub.files.receive(caller.project_id) as incoming:
        form = await read_form(request, "file", incoming)
        return await incoming.finish(_described(form))


def refuse_larger(request: Request, limit: int) -> None:
    """Refuse a body at once whose announced length is too much."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise too_large(limit)


def _described(form: Form) -> NewFile:
    if form.filename is None:
        raise InvalidRequestError("`file` has no file name.", param="file")
    told: dict[str, Any] = {"filename": form.filename, "purpose": form.fields.get("purpose")}
    life = {
        name: form.fields[f"expires_after[{name}]"]
        for name in ("anchor", "seconds")
        if f"expires_after[{name}]" in form.fields
    }
    if told["purpose"] not in PURPOSES:
        message = f"`purpose` must be one of: {', '.join(PURPOSES)}."
        raise InvalidRequestError(message, param="purpose")
    try:
        return NewFile.model_validate(told | ({"expires_after": life} if life else {}))
    except ValidationError as error:
        first = error.errors()[0]
        param = ".".join(str(part) for part in first["loc"])
        shown = "file" if param == "filename" else param
        raise InvalidRequestError(f"`{shown}`: {first['msg']}.", param=shown) from error


async def list_files(
    hub: AnyHub,
    caller: FilesCaller,
    purpose: Annotated[AnyPurpose | None, Query(description="Only files of it.")] = None,
    after: Annotated[str | None, Query(description="The last id of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000, description="Most files of a page.")] = 10_000,
    order: Annotated[Literal["asc", "desc"], Query(description="By age.")] = "desc",
) -> FileList:
    """The newest first, unless `order` says otherwise."""
    return await hub.files.list(
        caller.project_id, purpose=purpose, after=after, limit=limit, order=order
    )


async def retrieve(file_id: str, hub: AnyHub, caller: FilesCaller) -> File:
    return await hub.files.get(caller.project_id, file_id)


async def delete(file_id: str, hub: AnyHub, caller: FilesCaller) -> DeletedFile:
    """Its bytes, and all that was made of it in vector stores, go with it."""
    await hub.files.delete(caller.project_id, file_id)
    return DeletedFile(id=file_id)


async def content(file_id: str, request: Request, hub: AnyHub, caller: FilesCaller) -> Response:
    """`Range` with one range, `If-Range` and `If-None-Match` are honoured."""
    return await _content(file_id, request, hub, caller.project_id)


async def _content(file_id: str, request: Request, hub: Hub, project_id: str) -> Response:
    stored = await hub.files.stored(project_id, file_id)
    return content_response(request, stored, lambda start, end: hub.files.read(stored, start, end))
