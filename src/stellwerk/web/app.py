"""The web application: every route of the hub."""

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.routing import Route
from starlette.types import ASGIApp

from stellwerk import __version__
from stellwerk.operations.registry import OPERATIONS
from stellwerk.web.edge import Edge
from stellwerk.web.failures import install_error_handlers
from stellwerk.web.hub import Hub
from stellwerk.web.openapi import DESCRIPTION, install_openapi
from stellwerk.web.queued import QueuedEndpoint
from stellwerk.web.resources import (
    batches,
    catalog,
    files,
    health,
    images,
    keys,
    models,
    projects,
    queue,
    uploads,
    usage,
    vector_store_files,
    vector_stores,
)
from stellwerk.web.verbs import VerbEndpoint

# Base URLs below which every verb answers. Azure's clients put the model into the address.
PREFIXES = (
    "/v2",
    "/v1",
    "/v2/coding",
    "/v1/coding",
    "/v2/openai",
    "/v1/openai",
    "/v2/openai/deployments/{model:path}",
    "/v1/openai/deployments/{model:path}",
    "/vision",
)


def create_app(hub: Hub) -> ASGIApp:
    """The ASGI application of one hub process."""
    app = routes()
    app.state.hub = hub
    return Edge(app)


def routes() -> FastAPI:
    """Every route, with its documentation, not yet joined to a hub."""
    app = FastAPIOffline(
        title="Stellwerk",
        version=__version__,
        description=DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        favicon_url="data:,",
    )
    _mount_verbs(app)
    for prefix, shown in models.PREFIXES.items():
        app.include_router(models.router(prefix, shown))
    for prefix in files.PREFIXES:
        app.include_router(files.router(prefix))
        app.include_router(uploads.router(prefix))
        app.include_router(batches.router(prefix))
        app.include_router(vector_stores.router(prefix))
        app.include_router(vector_store_files.router(prefix))
    for resource in (keys, projects, catalog, queue, usage, images, health):
        app.include_router(resource.routes)
    install_error_handlers(app)
    install_openapi(app)
    return app


# Base URLs that the speech clients were once documented with; `/audio` is a part of the verb's path
# too, so that the first of them answers below `/audio/audio` as well.
AUDIO_PREFIXES = ("", "/audio", "/v2/audio", "/v1/audio")


def _mount_verbs(app: FastAPI) -> None:
    for operation in OPERATIONS:
        endpoint = VerbEndpoint(operation)
        more = AUDIO_PREFIXES if operation.path.startswith("/audio/") else ()
        for prefix in PREFIXES + more:
            route = Route(prefix + operation.path, endpoint, methods=["POST"])
            app.router.routes.append(route)
        queued = QueuedEndpoint(operation)
        for prefix in ("/queue", *(("/queue/audio",) if more else ())):
            app.router.routes.append(Route(prefix + operation.path, queued, methods=["POST"]))
