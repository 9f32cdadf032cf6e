"""The kinds of failure that a caller can be told about.

A room raises a `StellwerkError`, or a family of its own, derived from it, beside the rule that it
states. Only the doors turn one into bytes. The numbers and names of a kind are HTTP's and
OpenAI's.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum


class Kind(Enum):
    """(HTTP status, OpenAI error type) of a failure."""

    INVALID = (400, "invalid_request_error")
    UNAUTHENTICATED = (401, "authentication_error")
    FORBIDDEN = (403, "permission_error")
    NOT_FOUND = (404, "not_found_error")
    METHOD = (405, "invalid_request_error")
    SLOW = (408, "invalid_request_error")
    HELD_TOO_LONG = (408, "timeout_error")
    CONFLICT = (409, "conflict_error")
    TOO_LARGE = (413, "invalid_request_error")
    MEDIA_TYPE = (415, "invalid_request_error")
    HEAD_TOO_LARGE = (431, "invalid_request_error")
    EXHAUSTED = (429, "insufficient_quota")
    RATE_LIMITED = (429, "rate_limit_error")
    INTERNAL = (500, "server_error")
    UPSTREAM = (502, "upstream_error")
    UNAVAILABLE = (503, "server_error")
    TIMEOUT = (504, "upstream_error")

    @property
    def status(self) -> int:
        return self.value[0]

    @property
    def type(self) -> str:
        return self.value[1]


class StellwerkError(Exception):
    """A failure with a message for the caller.

    `param` names the field at fault, `code` is a word that programs may rely on, and
    `retry_after` is the number of seconds after which the same call may succeed. `headers` are
    sent with the answer.
    """

    kind = Kind.INTERNAL
    code: str | None = None
    headers: Sequence[tuple[bytes, bytes]] = ()

    def __init__(
        self,
        message: str,
        *,
        kind: Kind | None = None,
        param: str | None = None,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after = retry_after
        if kind is not None:
            self.kind = kind
        if code is not None:
            self.code = code


class InvalidRequestError(StellwerkError):
    """The caller's input cannot be honoured; the message says what would be right."""

    kind = Kind.INVALID


class UnavailableError(StellwerkError):
    """Nothing is wrong with the request; it may succeed later."""

    kind = Kind.UNAVAILABLE


@contextmanager
def at_field(param: str) -> Iterator[None]:
    """What goes wrong in the context is the fault of this field of the request."""
    try:
        yield
    except StellwerkError as error:
        error.param = param
        raise
