"""A place that answers the OpenAI API: a local engine or another server."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from stellwerk.base.errors import Kind, StellwerkError


class UpstreamError(StellwerkError):
    """502: what stands behind the hub did not answer as it should."""

    kind = Kind.UPSTREAM
    code = "upstream_error"


class Answer(Protocol):
    """The head of an answer, and its body as it comes."""

    @property
    def status(self) -> int: ...

    @property
    def content_type(self) -> str: ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body in pieces. Raises `UpstreamError` when it ends too early."""
        ...


class Target(Protocol):
    """Takes one request at a time and answers it."""

    def post(self, path: str, body: bytes) -> AbstractAsyncContextManager[Answer]:
        """Send `body` (JSON) to `path` (below the base URL) and wait for the answer's head.

        Raises `StellwerkError` when there is no answer, or none that is a success. Leaving the
        context early closes the connection, so the other side can stop its work.
        """
        ...
