"""`/admin/projects`: list projects and limit them."""

from typing import Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from stellwerk.base.values import Line
from stellwerk.features.keys.types import KeyChange, Project
from stellwerk.features.queue.types import LEAST_URGENT
from stellwerk.features.webhooks.types import WebhookSecret
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


class QueueShare(BaseModel):
    """What a project's keys may take of the queue."""

    project: str = Field(description="Name or id of the project, as it was given.")
    weight: float = Field(description="Share of its keys beside those of others; 1 is usual.")
    urgency: int = Field(description="Most urgent level that they may ask for; 3 is usual.")


class QueueShareChange(BaseModel):
    """What to change; what is not given stays."""

    model_config = ConfigDict(extra="forbid")

    weight: float | None = Field(
        None, ge=0.01, le=100, description="Share of its keys beside those of others."
    )
    urgency: int | None = Field(
        None, ge=0, le=LEAST_URGENT, description="Most urgent level that they may ask for."
    )


@routes.post("/{project}/queue", summary="Change a project's share of the queue")
async def share(project: Line, change: QueueShareChange, hub: AnyHub) -> QueueShare:
    """By name or id. It counts for requests that are put in from now on."""
    changes = change.model_dump(exclude_none=True)
    return QueueShare(**await hub.queueing.overview.allow(project, changes))


@routes.post("/{project}/webhook-secret", summary="Renew a project's webhook secret")
async def renew_webhook_secret(project: Line, hub: AnyHub) -> WebhookSecret:
    """The answer shows it once. The secret before it signs as well for a day."""
    return await hub.queueing.webhooks.renew(project)
