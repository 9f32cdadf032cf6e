"""Multipart bodies, read as they come: the file goes on in chunks and is never held whole."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Protocol

from multipart import (
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)
from starlette.requests import ClientDisconnect, Request

from stellwerk.base.errors import InvalidRequestError, Kind, StellwerkError
from stellwerk.wire.form import explaining

# Seconds without a byte after which a client counts as gone.
SILENCE = 60
MOST_PARTS = 32
LONGEST_FIELD = 64 * 2**10


class MediaTypeError(StellwerkError):
    """415: the body is of another media type than this endpoint reads."""

    kind = Kind.MEDIA_TYPE
    code = "media_type"


class Taker(Protocol):
    """Takes the bytes of the one file of a form."""

    async def write(self, chunk: bytes) -> None: ...


@dataclass
class Form:
    """The text fields, and the name that the file has; None where no file came."""

    fields: dict[str, str] = field(default_factory=dict)
    filename: str | None = None
    seen: bool = False


async def read_form(request: Request, name: str, taker: Taker) -> Form:
    """Read a form whose file is the field `name`.

    Raises `InvalidRequestError` for what is no such form, and what `taker` raises.
    """
    form, segment, text = Form(), None, bytearray()
    with _parser(request) as parser, explaining(MOST_PARTS):
        async for chunk in _chunks(request):
            for event in parser.parse(chunk):
                if isinstance(event, MultipartSegment):
                    segment, text = event, bytearray()
                    _begin(form, name, segment)
                elif event is None:
                    _end(form, name, segment, text)
                elif segment is not None and segment.name == name:
                    await taker.write(bytes(event))
                else:
                    text += event
                    _check_length(segment, text)
        parser.close()
    if not form.seen:
        raise InvalidRequestError(
            f"`{name}` is missing.", param=name, code="missing_required_parameter"
        )
    return form


def _parser(request: Request) -> PushMultipartParser:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get("boundary")
    if kind != "multipart/form-data" or not boundary:
        raise MediaTypeError("This takes a form: `Content-Type: multipart/form-data; boundary=...`")
    return PushMultipartParser(boundary, max_segment_count=MOST_PARTS)


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(SILENCE):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            message = f"Nothing came for {SILENCE} seconds. Send the body again."
            raise InvalidRequestError(message, code="body_too_slow") from error
        except ClientDisconnect as error:
            # Nobody reads this; it ends the request as any other error does.
            message = "The connection ended in the middle of the body."
            raise InvalidRequestError(message, code="body_cut") from error
        if chunk:
            yield chunk


def _begin(form: Form, name: str, segment: MultipartSegment) -> None:
    if segment.name == name:
        if form.seen:
            raise InvalidRequestError(f"`{name}`: one file at a time.", param=name)
        form.seen, form.filename = True, segment.filename


def _end(form: Form, name: str, segment: MultipartSegment | None, text: bytearray) -> None:
    if segment is None or segment.name == name:
        return
    try:
        form.fields[segment.name or ""] = text.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequestError(
            f"`{segment.name}` is not UTF-8 text.", param=segment.name
        ) from error


def _check_length(segment: MultipartSegment | None, text: bytearray) -> None:
    if len(text) > LONGEST_FIELD:
        name = segment.name if segment else None
        raise InvalidRequestError(f"`{name}` is longer than {LONGEST_FIELD} bytes.", param=name)
