"""One object store: put, get and clear. Everything above speaks in keys of this store."""

import asyncio
import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError as ObstoreError
from obstore.exceptions import NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from stellwerk.base.log import get_logger
from stellwerk.data.blobs.errors import (
    BlobMissingError,
    BlobSettingsError,
    BlobStoreError,
    BlobStoreFullError,
)

log = get_logger("blobs")

# A store that is away is told to the caller; the library would go on trying for three minutes.
RETRIES: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}
# Options of the connection; all others are the store's own.
CLIENT = {"allow_http", "allow_invalid_certificates", "connect_timeout", "proxy_url", "timeout"}
FULL = (f"os error {errno.ENOSPC}", f"os error {errno.EDQUOT}")


class Blobs:
    """Objects by key. A key consists of ASCII letters, digits, `-`, `_` and `/`.

    An object is there whole or not at all, and what was put into a directory is on the disk.
    """

    def __init__(self, url: str, options: Mapping[str, str] | None = None) -> None:
        """Raises `BlobSettingsError` for a URL or options that no store can be made of."""
        self._directory = Path(unquote(urlsplit(url).path)) if url.startswith("file:") else None
        self._store = _store(url, self._directory, options or {})

    async def put(self, key: str, data: bytes) -> None:
        with _told("put"):
            await obstore.put_async(self._store, key, data, use_multipart=False)
            if self._directory is not None:
                await asyncio.to_thread(_flush, self._directory / key)

    async def get(self, key: str, start: int, end: int) -> bytes:
        """The bytes from `start` up to, and without, `end`."""
        with _told("get"):
            found = await obstore.get_range_async(self._store, key, start=start, end=end)
        return bytes(found)

    async def clear(self, prefix: str) -> None:
        """Remove every object below `prefix`. What is gone already is no error."""
        with _told("clear"):
            if self._directory is not None:
                # Also what a process that was killed had half written.
                await asyncio.to_thread(_remove_tree, self._directory / prefix)
                return
            async for batch in obstore.list(self._store, prefix):
                await obstore.delete_async(self._store, [entry["path"] for entry in batch])

    async def keys(self, prefix: str | None = None) -> list[str]:
        """All keys below `prefix`, in order."""
        with _told("list"):
            found = [batch async for batch in obstore.list(self._store, prefix)]
        return sorted(entry["path"] for batch in found for entry in batch)


def _store(url: str, directory: Path | None, options: Mapping[str, str]) -> ObjectStore:
    config: Any = {name: value for name, value in options.items() if name not in CLIENT}
    client: Any = {name: value for name, value in options.items() if name in CLIENT}
    try:
        if directory is None:
            return from_url(url, config=config, client_options=client, retry_config=RETRIES)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return LocalStore(directory)
    except (ObstoreError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise BlobSettingsError(f"`blobs`: {url} cannot be used: {reason}") from error


@contextmanager
def _told(action: str) -> Iterator[None]:
    """The library's errors as ours. Their text names buckets and paths: it is for the log."""
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        log.warning("blob missing", action=action, reason=str(error))
        raise BlobMissingError("The content of this file is missing here.") from error
    except (ObstoreError, OSError, ValueError) as error:
        reason = str(error)
        log.warning("blob store failed", action=action, reason=reason)
        if any(sign in reason for sign in FULL) or _is_full(error):
            message = "The hub's disk is full; nothing was stored. Whoever runs it must make room."
            raise BlobStoreFullError(message) from error
        message = "The hub's file storage cannot be reached. Try again later."
        raise BlobStoreError(message, retry_after=5) from error


def _is_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


def _flush(path: Path) -> None:
    """PostgreSQL's rows survive a power cut; what they point at must do so too."""
    for place in (path, path.parent):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove_tree(path: Path) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(path)
