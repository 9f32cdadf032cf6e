"""A file as an HTTP answer: ranges, validators, and headers that keep a browser from running it."""

import mimetypes
import re
from collections.abc import AsyncIterator, Callable
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from stellwerk.base.errors import InvalidRequestError
from stellwerk.features.files.types import Stored

Read = Callable[[int, int], AsyncIterator[bytes]]

ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


def content_response(request: Request, stored: Stored, read: Read) -> Response:
    """The content, or the one range of it that was asked for (RFC 9110, section 14)."""
    size = stored.file.bytes
    headers = _headers(stored)
    if {headers["etag"], "*"} & set(_listed(request, "if-none-match")):
        return Response(status_code=304, headers=headers)
    span = _range(request, headers["etag"], size)
    if span is None:
        start, end, status = 0, size, 200
    elif span[0] >= span[1]:
        return Response(status_code=416, headers={**headers, "content-range": f"bytes */{size}"})
    else:
        (start, end), status = span, 206
        headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    headers["content-length"] = str(end - start)
    if request.scope["state"].get("head"):
        return Response(status_code=status, headers=headers)
    return StreamingResponse(read(start, end), status, headers)


def _headers(stored: Stored) -> dict[str, str]:
    name = stored.file.filename
    # WebP is in the second list only.
    kind, encoding = mimetypes.guess_type(name, strict=False)
    plain = re.sub(r'[^ -~]|["\\%]', "_", name)
    return {
        "content-type": kind if kind and not encoding else "application/octet-stream",
        "content-disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''"
        + quote(name, safe=""),
        "accept-ranges": "bytes",
        "cache-control": "private",
        "etag": f'"{stored.sha256.hex()}"',
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'",
    }


def _listed(request: Request, header: str) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in request.headers.get(header, "").split(",")]


def _range(request: Request, etag: str, size: int) -> tuple[int, int] | None:
    """The first byte and the one after the last. None: all of it.

    More than one range, another unit, or one that makes no sense may be answered with all.
    """
    asked = ONE_RANGE.fullmatch(request.headers.get("range", "").strip())
    if asked is None or request.headers.get("if-range", etag) != etag:
        return None
    first, last = asked.groups()
    if max(len(first), len(last)) > 19:
        raise InvalidRequestError("`Range`: a number of more than 19 digits.", param="Range")
    if first:
        end = min(int(last) + 1, size) if last else size
        return None if last and int(last) < int(first) else (int(first), end)
    return (max(size - int(last), 0), size) if last else None
