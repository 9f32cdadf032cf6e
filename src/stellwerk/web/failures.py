"""Every failure of a FastAPI route, in the API's one error shape."""

from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from stellwerk.base.errors import InvalidRequestError, Kind, StellwerkError
from stellwerk.base.log import get_logger
from stellwerk.http.errors import error_answer

log = get_logger("web")

KINDS = {kind.status: kind for kind in Kind}


def install_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(StellwerkError)
    async def own(_: Request, error: StellwerkError) -> Response:
        return _response(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            return _response(
                InvalidRequestError("The body is not valid JSON.", code="invalid_json")
            )
        # The first part says where the field stands: in the body, the query or the path.
        place = [str(part) for part in first["loc"][1:]]
        param = ".".join(place) or None
        where = f"`{param}`: " if param else "The body: "
        return _response(InvalidRequestError(f"{where}{first['msg']}.", param=param))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, StellwerkError):
            # FastAPI wraps whatever fails while it reads the body.
            return _response(error.__cause__)
        kind = KINDS.get(error.status_code, Kind.INVALID)
        return _response(StellwerkError(_explain(request, error), kind=kind))

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        name = request.scope["state"]["request_id"]
        log.error("unexpected error", request_id=name, path=request.url.path, exc_info=error)
        message = f"Something went wrong here; the log tells more under {name}."
        return _response(StellwerkError(message, kind=Kind.INTERNAL))


def _explain(request: Request, error: HTTPException) -> str:
    place = f"{request.method} {request.url.path}"
    if error.status_code == HTTPStatus.NOT_FOUND:
        return f"There is no {place}. The endpoints are listed at /redoc."
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"{place} is not a method of this endpoint."
    return str(error.detail)


def _response(error: StellwerkError) -> Response:
    status, headers, body = error_answer(error)
    response = Response(body, status)
    response.raw_headers = headers
    return response
