"""The error object: OpenAI's `error`, and `detail` beside it for clients of the hub."""

import msgspec

from stellwerk.base.errors import StellwerkError


class ErrorDetail(msgspec.Struct):
    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorBody(msgspec.Struct):
    error: ErrorDetail
    detail: str

    @classmethod
    def of(cls, error: StellwerkError) -> "ErrorBody":
        detail = ErrorDetail(error.message, error.kind.type, error.param, error.code)
        return cls(detail, error.message)


def error_json(error: StellwerkError) -> bytes:
    return msgspec.json.encode(ErrorBody.of(error))
