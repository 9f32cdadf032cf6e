"""Fetches what callers name by a URL, and posts to where they want to be called."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

import aiohttp
import filetype
from aiohttp.abc import AbstractResolver
from yarl import URL

from stellwerk import __version__
from stellwerk.base.errors import StellwerkError
from stellwerk.base.settings import FetchSettings
from stellwerk.fetch.connector import checked_connector
from stellwerk.fetch.errors import (
    FetchedTooLargeError,
    FetchFailedError,
    FetchTimeoutError,
    InvalidUrlError,
)
from stellwerk.fetch.url import checked

REDIRECTS = 5
REDIRECTING = frozenset({301, 302, 303, 307, 308})
UNKNOWN = "application/octet-stream"
# What is asked for is taken as it is: a packed answer could unpack to any size.
HEADERS = {"User-Agent": f"Stellwerk/{__version__}", "Accept-Encoding": "identity"}
CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Fetched:
    """Bytes from a URL. `content_type` is what they look like, whatever the server called them."""

    data: bytes
    content_type: str


class Fetcher:
    """One for each process. `resolver` and `context` stand in for the system's."""

    def __init__(
        self,
        settings: FetchSettings,
        resolver: AbstractResolver | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._settings = settings
        self._resolver = resolver
        self._context = context
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=checked_connector(self._settings.allow, self._resolver, self._context),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=HEADERS,
            # Time is taken in all, around redirects too.
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def fetch(self, text: str, *, param: str = "url", limit: int | None = None) -> Fetched:
        """What is at the URL, up to `limit` bytes (default: the settings').

        Raises an error of `fetch.errors`, which names `param`.
        """
        most = int(self._settings.max_size if limit is None else limit)
        async with self._told(param):
            data = await self._follow(checked(text, param), param, most)
            return Fetched(data, filetype.guess_mime(data) or UNKNOWN)

    async def post(self, text: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Post `body` as JSON; gives the answer's status, whatever it is. Follows no redirect.

        Raises an error of `fetch.errors` when there is no answer.
        """
        async with self._told("url"):
            url = checked(text, "url")
            given = {"Content-Type": "application/json", **headers}
            async with self._request("POST", url, body, given) as response:
                return response.status

    async def _follow(self, url: URL, param: str, most: int) -> bytes:
        for _ in range(REDIRECTS + 1):
            async with self._request("GET", url) as response:
                if response.status not in REDIRECTING:
                    return await _read(response, param, most)
                place = response.headers.get("Location", "")
            url = checked(str(_join(url, place)), param)
        raise FetchFailedError(f"`{param}` redirects more than {REDIRECTS} times.")

    @asynccontextmanager
    async def _request(
        self, method: str, url: URL, body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        assert self._session is not None
        async with self._session.request(
            method, url, data=body, headers=headers, allow_redirects=False
        ) as response:
            yield response

    @asynccontextmanager
    async def _told(self, param: str) -> AsyncIterator[None]:
        """The library's errors as ours, and the time for it all."""
        seconds = self._settings.timeout
        try:
            async with asyncio.timeout(seconds):
                yield
        except StellwerkError as error:
            error.param = error.param or param
            raise
        except TimeoutError as error:
            text = f"`{param}` was not answered within {seconds:g} seconds."
            raise FetchTimeoutError(text, param=param) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _explained(error, param) from error


def _explained(error: Exception, param: str) -> StellwerkError:
    if isinstance(error, aiohttp.InvalidURL):
        return InvalidUrlError(f"`{param}` names no host as hosts are named.", param=param)
    text = "what answers there does not speak proper HTTP."
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        text = "the server's certificate is not good for its name."
    elif isinstance(error, aiohttp.ClientConnectorError):
        text = "it cannot be reached."
    return FetchFailedError(f"`{param}`: {text}", param=param)


def _join(url: URL, place: str) -> URL:
    """Where a redirect leads. Raises `ValueError`, also for a redirect to nowhere."""
    if not place:
        raise ValueError("a redirect without a place")
    return url.join(URL(place))


async def _read(response: aiohttp.ClientResponse, param: str, most: int) -> bytes:
    if response.status != 200:
        raise FetchFailedError(f"`{param}` answers with status {response.status}.")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise FetchFailedError(f"`{param}` answers with a packed body, which was not asked for.")
    too_large = FetchedTooLargeError(f"`{param}` holds more than {most} bytes.")
    if (response.content_length or 0) > most:
        raise too_large
    data = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        data += chunk
        if len(data) > most:
            raise too_large
    return bytes(data)
