"""The OpenAPI document: FastAPI's own routes, and the verbs out of their msgspec types."""

from typing import Any

import msgspec
from fastapi import FastAPI

from stellwerk.operations.operation import Operation
from stellwerk.operations.registry import OPERATIONS
from stellwerk.wire.errors import ErrorBody
from stellwerk.wire.models import ModelList, ModelObject

DESCRIPTION = """The OpenAI API, served by your own machines.

**Base URL**: `/v2`. The same verbs answer below `/v1`, `/v2/coding`, `/vision` and, for Azure's
clients, below `/v2/openai` and `/v2/openai/deployments/{model}`. Below `/queue` they are kept, and
run in their turn: a call waits for its answer, or with `Prefer: respond-async` comes back for it.

**Key**: `Authorization: Bearer KEY`, or `api-key: KEY`.

**Errors** carry OpenAI's `error` object, and its message again as `detail`. `x-request-id` names
every answer; the client's own is kept.
"""

REF = "#/components/schemas/{name}"
SECURITY: list[dict[str, list[str]]] = [{"HTTPBearer": []}, {"APIKeyHeader": []}]
FAILURES = {
    "400": "The body is malformed, or a field cannot be honoured; `param` names it.",
    "401": "There is no API key, or it does not count.",
    "403": "The key may not do this, or not with this model.",
    "404": "There is no such model.",
    "413": "The body is too large.",
    "503": "The model cannot run now; `Retry-After` says when to try again.",
}
RESOURCES: dict[str, type[Any]] = {
    "/v2/models": ModelList,
    "/v2/models/{model}": ModelObject,
}


def install_openapi(app: FastAPI) -> None:
    """Make `app.openapi()` speak of the verbs too."""
    own = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = with_verbs(own())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def with_verbs(document: dict[str, Any]) -> dict[str, Any]:
    """Add the paths and schemas of all operations, and the types of the model list."""
    schemas, components = _schemas()
    own = document.setdefault("components", {}).setdefault("schemas", {})
    if taken := own.keys() & components.keys():
        raise ValueError(f"two schemas have the same name: {taken}")
    own.update(components)
    for operation in OPERATIONS:
        document["paths"]["/v2" + operation.path] = {"post": _verb(operation, schemas)}
    for path, shape in RESOURCES.items():
        answer = document["paths"][path]["get"]["responses"]["200"]
        answer["content"] = {"application/json": {"schema": schemas[shape]}}
    return document


def _schemas() -> tuple[dict[type[Any], Any], dict[str, Any]]:
    shapes: list[type[Any]] = [ErrorBody, *RESOURCES.values()]
    for operation in OPERATIONS:
        shapes += [operation.request]
        shapes += [shape for shape in (operation.response, operation.event) if shape]
    unique = list(dict.fromkeys(shapes))
    found, components = msgspec.json.schema_components(unique, ref_template=REF)
    return dict(zip(unique, found, strict=True)), dict(components)


def _verb(operation: Operation, schemas: dict[type[Any], Any]) -> dict[str, Any]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    answers: dict[str, Any] = dict.fromkeys(operation.media, binary)
    if operation.response is not None:
        answers["application/json"] = {"schema": schemas[operation.response]}
    if operation.plain_text:
        answers["text/plain"] = {"schema": {"type": "string"}}
    if operation.event is not None:
        answers["text/event-stream"] = {"schema": schemas[operation.event]}
    failure = {"application/json": {"schema": schemas[ErrorBody]}}
    return {
        "tags": ["Verbs"],
        "operationId": operation.name.replace(".", "_"),
        "summary": operation.summary,
        "description": operation.description,
        "security": SECURITY,
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data" if operation.form else "application/json": {
                    "schema": schemas[operation.request],
                    "example": operation.example,
                }
            },
        },
        "responses": {
            "200": {"description": "The answer.", "content": answers},
            **{code: {"description": text, "content": failure} for code, text in FAILURES.items()},
        },
    }
