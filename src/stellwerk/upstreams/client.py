"""The HTTP client behind the targets: one keep-alive pool for each base URL or Unix socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from stellwerk.base.errors import Kind, StellwerkError, UnavailableError
from stellwerk.base.log import get_logger
from stellwerk.upstreams.failures import failure
from stellwerk.upstreams.target import UpstreamError

log = get_logger("upstreams")

# A model may think for minutes before its first byte, so only the connect has a short limit.
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=600)
RETRY_AFTER = 2.0
FIRST_FAILURE = 300
LONGEST_FAILURE = 65_536


class HttpAnswer:
    """An aiohttp response as an `Answer`."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        content_type = response.headers.get("content-type", "")
        self.content_type = content_type if _is_plain(content_type) else "application/json"

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            message = "The model's server stopped in the middle of the answer."
            raise UpstreamError(message, code="upstream_cut") from error


class Client:
    """Connections to one server."""

    def __init__(
        self, base_url: str, *, socket: str | None = None, secret: str | None = None
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if secret:
            self._headers["Authorization"] = f"Bearer {secret}"
        connector = aiohttp.UnixConnector(socket, limit=0) if socket else None
        self._session = aiohttp.ClientSession(
            connector=connector or aiohttp.TCPConnector(limit=0),
            timeout=TIMEOUT,
            read_bufsize=2**18,
        )

    async def close(self) -> None:
        await self._session.close()

    @asynccontextmanager
    async def post(self, path: str, body: bytes) -> AsyncIterator[HttpAnswer]:
        """See `Target.post`."""
        try:
            response = await self._session.post(
                self._base_url + path, data=body, headers=self._headers, allow_redirects=False
            )
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            message = "The model's server cannot be reached or has just stopped. Try again."
            raise UnavailableError(
                message, code="upstream_unavailable", retry_after=RETRY_AFTER
            ) from error
        try:
            answer = HttpAnswer(response)
            if answer.status >= FIRST_FAILURE:
                raise await _failure(self._base_url, answer, response.headers.get("retry-after"))
            yield answer
        finally:
            # Closing (not releasing) an answer that was not read to its end stops the work there.
            response.close()


def _is_plain(content_type: str) -> bool:
    return bool(content_type) and content_type.isascii() and content_type.isprintable()


async def _failure(url: str, answer: HttpAnswer, retry_after: str | None) -> StellwerkError:
    body = b""
    async for chunk in answer.chunks():
        body += chunk
        if len(body) > LONGEST_FAILURE:
            break
    error = failure(answer.status, retry_after, body)
    if error.kind is Kind.UPSTREAM:
        # The caller is told little of it; its text may hold a credential, so nobody is told that.
        log.warning("upstream failed", url=url, status=answer.status)
    return error
