"""The error object: OpenAI's `error`, and `detail` beside it for clients of the hub."""

from typing import Annotated

import msgspec
from msgspec import Meta

from stellwerk.base.errors import StellwerkError


class ErrorDetail(msgspec.Struct):
    """What went wrong."""

    message: Annotated[str, Meta(description="What was wrong, and what would be right.")]
    type: Annotated[str, Meta(description="The family of the error.")]
    param: Annotated[str | None, Meta(description="The field at fault.")] = None
    code: Annotated[str | None, Meta(description="A stable word for programs.")] = None


class ErrorBody(msgspec.Struct):
    """The body of every answer that is an error."""

    error: ErrorDetail
    detail: Annotated[str, Meta(description="The message again.")]

    @classmethod
    def of(cls, error: StellwerkError) -> "ErrorBody":
        detail = ErrorDetail(error.message, error.kind.type, error.param, error.code)
        return cls(detail, error.message)


def error_json(error: StellwerkError) -> bytes:
    return msgspec.json.encode(ErrorBody.of(error))


def error_event(error: StellwerkError) -> bytes:
    """The event that ends a stream that cannot go on, wherever the event before it was cut."""
    return b"\n\nevent: error\ndata: " + error_json(error) + b"\n\n"
