"""`/admin/projects`: list projects and limit them."""

from typing import Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from stellwerk.features.keys.types import KeyChange, Project
from stellwerk.web.auth import AnyHub, administrator

routes = APIRouter(prefix="/admin/projects", tags=["Admin"], dependencies=[Depends(administrator)])


class ProjectList(BaseModel):
    """All projects, oldest first."""

    object: Literal["list"] = "list"
    data: list[Project] = Field(description="The projects.")
    has_more: bool = Field(default=False, description="Always false: this is the whole list.")


@routes.get("", summary="List projects")
async def list_projects(hub: AnyHub) -> ProjectList:
    """A project is made with its first key."""
    return ProjectList(data=await hub.projects.list())


@routes.post("/{project}", summary="Change the limits of a project")
async def update(project: str, change: KeyChange, hub: AnyHub) -> Project:
    """By name or id. Every hub process heeds them within a second."""
    return await hub.projects.update(project, change)
