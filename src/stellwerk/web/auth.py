"""Who sends a request, as FastAPI dependencies."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPBearer

from stellwerk.features.keys.types import Principal, Scope
from stellwerk.http.credentials import api_key
from stellwerk.web.hub import Hub, hub_of

# These two only tell the OpenAPI document where a key goes; `api_key` reads it.
BEARER = HTTPBearer(auto_error=False, description="`Authorization: Bearer KEY`")
HEADER = APIKeyHeader(name="api-key", auto_error=False, description="`api-key: KEY`")

AnyHub = Annotated[Hub, Depends(hub_of)]


async def principal(
    request: Request,
    hub: AnyHub,
    _bearer: Annotated[object, Depends(BEARER)],
    _header: Annotated[object, Depends(HEADER)],
) -> Principal:
    return await hub.keyring.principal(api_key(request.scope["headers"]))


AnyPrincipal = Annotated[Principal, Depends(principal)]


def administrator(caller: AnyPrincipal) -> Principal:
    caller.require(Scope.ADMIN)
    return caller


def files_caller(caller: AnyPrincipal) -> Principal:
    caller.require(Scope.FILES)
    return caller


FilesCaller = Annotated[Principal, Depends(files_caller)]
