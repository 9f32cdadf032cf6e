"""`GET /admin/usage`: who used what, added up, as JSON or CSV."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from stellwerk.features.usage.question import LARGEST_PAGE, Question
from stellwerk.features.usage.report import Report
from stellwerk.features.usage.sheet import head, lines
from stellwerk.web.auth import AnyHub, administrator
from stellwerk.web.hub import Hub

routes = APIRouter(prefix="/admin", tags=["Admin"], dependencies=[Depends(administrator)])


class UsageQuery(Question):
    """A question, and the form of the answer."""

    format: Literal["json", "csv"] = Field(
        "json", description="`csv` holds all groups; `limit` and `after` are for `json`."
    )
    limit: int = Field(1_000, ge=1, le=LARGEST_PAGE, description="Most groups of one answer.")
    after: str | None = Field(
        None, max_length=4_000, description="`last_id` of the answer before, for the next groups."
    )


@routes.get("/usage", summary="Sum up usage", response_model=Report)
async def usage(hub: AnyHub, query: Annotated[UsageQuery, Query()]) -> Report | Response:
    """Requests, errors, tokens and cost by key, project, model, target, operation and day."""
    if query.format == "csv":
        return await _sheet(hub, query)
    return await hub.usage.report(query, limit=query.limit, after=query.after)


async def _sheet(hub: Hub, query: UsageQuery) -> Response:
    groups, currency = query.group_by, hub.usage.currency
    pages = hub.usage.everything(query)
    # Before the answer begins, so that what is wrong can still be its status.
    first = await anext(pages)

    async def text() -> AsyncIterator[str]:
        yield head(groups) + lines(first, groups, currency)
        async for page in pages:
            yield lines(page, groups, currency)

    name = {"content-disposition": 'attachment; filename="usage.csv"'}
    return StreamingResponse(text(), media_type="text/csv; charset=utf-8", headers=name)
