"""`/admin/keys`: make, list, revoke and rotate API keys."""

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from stellwerk.features.keys.types import LONGEST_OVERLAP, IssuedKey, Key, KeyChange, NewKey
from stellwerk.web.auth import AnyHub, administrator

routes = APIRouter(prefix="/admin/keys", tags=["Admin"], dependencies=[Depends(administrator)])


class KeyList(BaseModel):
    """All keys, oldest first."""

    object: Literal["list"] = "list"
    data: list[Key] = Field(description="The keys, without their secrets.")
    has_more: bool = Field(default=False, description="Always false: this is the whole list.")


class Rotation(BaseModel):
    """How a key gets its new secret."""

    model_config = ConfigDict(extra="forbid")

    overlap: float = Field(
        0,
        ge=0,
        le=LONGEST_OVERLAP.total_seconds(),
        description="Seconds for which the old secret still counts.",
    )


@routes.post("", status_code=201, summary="Create a key")
async def create(new: NewKey, hub: AnyHub) -> IssuedKey:
    """The answer holds the secret, which cannot be shown again."""
    return await hub.keys.create(new)


@routes.get("", summary="List keys")
async def list_keys(
    hub: AnyHub,
    include_revoked: Annotated[bool, Query(description="Show revoked keys too.")] = False,
) -> KeyList:
    return KeyList(data=await hub.keys.list(include_revoked=include_revoked))


@routes.get("/{key}", summary="Retrieve a key")
async def retrieve(key: str, hub: AnyHub) -> Key:
    """By its id, or by its name where only one project has it."""
    return await hub.keys.get(key)


@routes.post("/{key}", summary="Change the limits of a key")
async def update(key: str, change: KeyChange, hub: AnyHub) -> Key:
    """Every hub process heeds them within a second."""
    return await hub.keys.update(key, change)


@routes.delete("/{key}", summary="Revoke a key")
async def revoke(key: str, hub: AnyHub) -> Key:
    """Every hub process refuses it within a second."""
    return await hub.keys.revoke(key)


@routes.post("/{key}/rotate", summary="Rotate a key")
async def rotate(key: str, hub: AnyHub, rotation: Rotation | None = None) -> IssuedKey:
    """The key keeps its id, name, models and scopes, and gets a new secret."""
    overlap = timedelta(seconds=rotation.overlap if rotation else 0)
    return await hub.keys.rotate(key, overlap=overlap)
