"""Liveness, readiness, metrics, and what answers at `/`."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from stellwerk import __version__
from stellwerk.base.errors import StellwerkError
from stellwerk.web.auth import AnyHub

routes = APIRouter(tags=["Health"])


@routes.get("/", include_in_schema=False)
async def banner() -> dict[str, str]:
    return {"name": "Stellwerk", "version": __version__, "api": "/v2", "documentation": "/redoc"}


@routes.get("/health/live", summary="Whether the process answers")
async def live() -> dict[str, str]:
    """200 as long as this hub process can answer at all."""
    return {"status": "ok"}


@routes.get("/health/ready", summary="Whether it can do its work")
async def ready(hub: AnyHub) -> Response:
    """200 when the database and the engine broker answer, else 503 that names what does not."""
    failures: dict[str, Any] = {}
    for name, probe in (("database", hub.database.check), ("engines", hub.engines)):
        try:
            await probe()
        except StellwerkError as error:
            failures[name] = error.message
    content = {"status": "unavailable" if failures else "ok", "failures": failures}
    return JSONResponse(content, 503 if failures else 200)


@routes.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def metrics(hub: AnyHub) -> Response:
    """Counters, gauges and histograms of all hub processes on this machine, as text."""
    return Response(await hub.exposition(), media_type="text/plain; version=0.0.4")
