"""One file over HTTP, going on from the bytes that are here already."""

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPResponse
from pathlib import Path
from typing import Literal
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from stellwerk.features.weights.disk import megabytes
from stellwerk.features.weights.errors import SourceError, UnreachableError
from stellwerk.features.weights.progress import Progress

CHUNK = 2**18


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a transfer waits, in seconds.

    `silence`: a server that says nothing for so long counts as gone. `question`: the same for the
    short questions before a transfer, so that a machine without a network soon goes on.
    `pauses`: before each further try; a try that brought bytes starts the list anew.
    """

    silence: float = 20
    question: float = 5
    pauses: tuple[float, ...] = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class Remote:
    """A file on a server. `secrets` are headers that no redirect takes along."""

    url: str
    secrets: Mapping[str, str] = field(default_factory=dict)


class _BrokenOffError(SourceError):
    """It may go on where it stopped."""


class _NothingThereError(SourceError):
    """The server has no byte at the place that was asked for; the file has `size` bytes there."""

    def __init__(self, size: int | None) -> None:
        super().__init__("the server's file is shorter than what is here of it")
        self.size = size


def size_of(remote: Remote, patience: Patience) -> int | None:
    """Bytes of the file, None where the server does not say. Raises `SourceError`."""
    try:
        with _open(remote, "HEAD", 0, patience.question) as answer:
            return _number(answer.headers["Content-Length"])
    except _BrokenOffError:
        return None


def download(remote: Remote, into: Path, progress: Progress, patience: Patience) -> None:
    """Append to `into` what it lacks. Raises `SourceError`; what has arrived stays."""
    pauses = iter(patience.pauses)
    while True:
        before = _size(into)
        try:
            return _attempt(remote, into, progress, patience.silence)
        except (_BrokenOffError, UnreachableError) as error:
            after = _size(into)
            if isinstance(error, UnreachableError) and not after:
                raise
            pauses = iter(patience.pauses) if after > before else pauses
            pause = next(pauses, None)
            if pause is None:
                raise
            progress.note(f"{error.message}; trying again in {pause:g} s")
            time.sleep(pause)


def _attempt(remote: Remote, into: Path, progress: Progress, timeout: float) -> None:
    have = _size(into)
    try:
        answer = _open(remote, "GET", have, timeout)
    except _NothingThereError as error:
        if error.size == have:
            return
        _shorten(into, 0, progress)
        raise _BrokenOffError(error.message) from error
    with answer:
        start = _first_byte(answer)
        _shorten(into, start, progress)
        _append(answer, into, progress)
    length = _number(answer.headers["Content-Length"])
    if length is not None and (lack := start + length - _size(into)) > 0:
        raise _BrokenOffError(f"the connection ended, {megabytes(lack)} are missing")


def _append(answer: HTTPResponse, into: Path, progress: Progress) -> None:
    """Unbuffered: what arrived is the system's when this process is killed."""
    with into.open("ab", buffering=0) as file:
        while chunk := _read(answer):
            file.write(chunk)
            progress.advanced(len(chunk))


def _read(answer: HTTPResponse) -> bytes:
    try:
        return answer.read1(CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenOffError(f"the connection broke off ({error})") from error


def _first_byte(answer: HTTPResponse) -> int:
    """Where in the file the answer begins; a server may take no notice of `Range`."""
    if answer.status != 206:
        return 0
    unit, _, rest = answer.headers.get("Content-Range", "").partition(" ")
    start = _number(rest.partition("-")[0])
    if unit != "bytes" or start is None:
        raise SourceError("the server answers 206 without saying which bytes it sends")
    return start


def _shorten(path: Path, size: int, progress: Progress) -> None:
    have = _size(path)
    if size > have:
        raise SourceError(f"the server leaves out bytes {have} to {size}")
    if size < have:
        with path.open("r+b") as file:
            file.truncate(size)
        progress.advanced(size - have)


def _open(
    remote: Remote, method: Literal["GET", "HEAD"], start: int, timeout: float
) -> HTTPResponse:
    if urlsplit(remote.url).scheme not in {"http", "https"}:
        raise SourceError(f"{remote.url} is neither http nor https")
    request = Request(remote.url, method=method)  # noqa: S310
    if start:
        request.add_header("Range", f"bytes={start}-")
    for name, value in remote.secrets.items():
        request.add_unredirected_header(name, value)
    try:
        answer: HTTPResponse = urlopen(request, timeout=timeout)  # noqa: S310
    except HTTPError as error:
        with error:
            raise _refusal(error) from error
    except URLError as error:
        raise UnreachableError(f"cannot be reached ({error.reason})") from error
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError(f"does not answer ({error})") from error
    return answer


def _refusal(error: HTTPError) -> SourceError:
    said = f"the server answers {error.code} {error.reason}"
    if error.code == 416:
        return _NothingThereError(
            _number(error.headers.get("Content-Range", "").rpartition("/")[2])
        )
    if error.code in {401, 403, 407}:
        return UnreachableError(said)
    if error.code in {408, 429} or error.code >= 500:
        return _BrokenOffError(said)
    return SourceError(said)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.strip().isdigit() else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
