"""`/images/files`: painted pictures, for whoever has a link to one."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from stellwerk.web.auth import AnyHub
from stellwerk.web.content import content_response

PATH = "/v2/images/files"
routes = APIRouter(prefix=PATH, tags=["Images"])


@routes.get("/{file_id}", summary="Fetch a painted picture", response_class=Response)
async def fetch(
    file_id: str,
    request: Request,
    hub: AnyHub,
    expires: Annotated[str, Query(description="Part of the link.", max_length=20)] = "",
    signature: Annotated[str, Query(description="Part of the link.", max_length=100)] = "",
) -> Response:
    """What `response_format` `url` links to. It needs no key, and ends with the link's time."""
    hub.links.check(file_id, expires, signature)
    stored = await hub.files.linked(file_id)
    return content_response(request, stored, lambda start, end: hub.files.read(stored, start, end))
