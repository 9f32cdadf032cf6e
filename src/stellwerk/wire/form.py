"""Multipart forms: a body in bytes, its parts, and the struct that they stand for."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec
from multipart import (
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

from stellwerk.base.errors import InvalidRequestError, Kind
from stellwerk.wire.choices import objects, uploads
from stellwerk.wire.decode import explained

T = TypeVar("T")

STEP = 2**18
MOST_PARTS = 64
LONGEST_FIELD = 64 * 2**10
_CODED = re.compile(r";\s*filename\*=[\w-]*'[\w-]*'([^;\s]*)", re.IGNORECASE)
# What is behind the bracket of a list's item.
_NUMBER = re.compile(r"\d{0,3}\]")


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a form. `filename` is None for a text."""

    name: str
    content: bytes
    filename: str | None = None
    content_type: str | None = None


def read_parts(body: bytes, content_type: str, *, files: bool = True) -> list[Part]:
    """The fields of a form, in order. With `files` false the contents of files are left out.

    Raises `InvalidRequestError` for what is no form.
    """
    reader = FormReader(content_type, files=files)
    view = memoryview(body)
    steps = (bytes(view[start : start + STEP]) for start in range(0, len(view), STEP))
    found = [part for step in steps for part in reader.feed(step)]
    reader.close()
    return found


class FormReader:
    """Takes a form's body in pieces; gives each field when it is complete.

    The contents of files are held once, and with `files` false not at all. Raises
    `InvalidRequestError` for what is no form.
    """

    def __init__(self, content_type: str, *, files: bool = True) -> None:
        self._parser = PushMultipartParser(_boundary(content_type), max_segment_count=MOST_PARTS)
        self._files = files
        self._segment: MultipartSegment | None = None
        self._content = BytesIO()

    def feed(self, piece: bytes) -> Iterator[Part]:
        with explaining(MOST_PARTS):
            for event in self._parser.parse(piece):
                if isinstance(event, MultipartSegment):
                    self._segment, self._content = event, BytesIO()
                elif self._segment is None:
                    continue
                elif event is None:
                    # Of what was written as a whole, `getvalue` makes no copy.
                    yield _part(self._segment, self._content.getvalue())
                elif self._files or _filename(self._segment) is None:
                    self._content.write(event)

    def close(self) -> None:
        """Whether it was all of the form."""
        with explaining(MOST_PARTS):
            self._parser.close()


@contextmanager
def explaining(most_parts: int) -> Iterator[None]:
    """A parser's errors as `InvalidRequestError`."""
    try:
        yield
    except ParserLimitReached as error:
        message = f"The form has more than {most_parts} fields, or too long a header."
        raise InvalidRequestError(message, code="invalid_form") from error
    except MultipartError as error:
        # Behind the text, its errors may hold another one.
        message = f"The body is not a valid multipart form: {error.args[0]}."
        raise InvalidRequestError(message, code="invalid_form") from error


def write_parts(parts: Iterable[Part], content_type: str) -> bytes:
    """The body of a form of this content type, which names the boundary."""
    boundary = _boundary(content_type).encode("latin-1")
    pieces: list[bytes] = []
    for part in parts:
        pieces += (b"--", boundary, b"\r\n", _head(part), b"\r\n\r\n", part.content, b"\r\n")
    return b"".join([*pieces, b"--", boundary, b"--\r\n"])


def value_span(body: bytes, content_type: str, part: Part) -> tuple[int, int] | None:
    """Where in the body the value of this field stands, if it stands there as it is written here.

    A content cannot hold what parts two fields, so what stands between two of these is one.
    """
    mark = b"--" + _boundary(content_type).encode("latin-1")
    tail = b"\r\n\r\n" + part.content
    wanted = f'name="{_quoted(part.name)}"'.encode()
    start = 0 if body.startswith(mark + b"\r\n") else _next(body, mark, 0)
    while start >= 0:
        end = _next(body, mark, start + len(mark))
        if 0 <= end <= start + LONGEST_FIELD and body.endswith(tail, start, end):
            place = end - len(tail)
            head = body[start:place]
            if b"\r\n\r\n" not in head and wanted in head.split(b"; "):
                return place + 4, end
        start = -1 if end < 0 else end + 2
    return None


def _next(body: bytes, mark: bytes, start: int) -> int:
    """Where the next line begins that parts two fields: at the end of the line before it."""
    place = body.find(b"\r\n" + mark, start)
    while place >= 0:
        end = place + 2 + len(mark)
        if body[end : end + 2] in {b"\r\n", b"--"}:
            return place
        place = body.find(b"\r\n" + mark, end)
    return -1


def decode_form(parts: Iterable[Part], shape: type[T]) -> T:
    """The struct that the fields stand for. Raises `InvalidRequestError` that names the field.

    A field that is a list has a name that ends with `[]`, which may be left out, or hold the item's
    number; `a[b]` is the field `b` of the object `a`, which may also be one field, as JSON. An
    empty text counts as not given.
    """
    lists = {name for name in _names(shape) if name.endswith("[]")}
    given_as_files = {name.removesuffix("[]") for name in uploads(shape)}
    fields: dict[str, Any] = {}
    for part in parts:
        if part.filename is None and not part.content:
            continue
        if part.filename is None and part.name.removesuffix("[]") in given_as_files:
            # As a text it would be read as base64.
            raise InvalidRequestError(
                f"`{part.name}` is a text here; send it as a file, with a `filename`.",
                param=part.name,
            )
        _put(fields, part, lists)
    for name, value in fields.items():
        if isinstance(value, str) and value.startswith("{") and name in objects(shape):
            fields[name] = _object(name, value)
    try:
        return msgspec.convert(fields, shape, strict=False, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise explained(str(error), shape) from error


def _names(shape: type[Any]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(shape)]


def _object(name: str, value: str) -> Any:
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidRequestError(f"`{name}` is not valid JSON.", param=name) from error


def _put(fields: dict[str, Any], part: Part, lists: set[str]) -> None:
    value = part.content if part.filename is not None else text_of(part)
    outer, bracket, inner = part.name.partition("[")
    if f"{outer}[]" in lists and (not bracket or _NUMBER.fullmatch(inner)):
        fields.setdefault(f"{outer}[]", []).append(value)
        return
    place: Any = fields
    name = part.name
    if bracket and inner.endswith("]"):
        place, name = fields.setdefault(outer, {}), inner[:-1]
    if not isinstance(place, dict) or name in place:
        raise InvalidRequestError(f"`{part.name}` is given twice.", param=part.name)
    place[name] = value


def text_of(part: Part) -> str:
    """The text of a field. Raises `InvalidRequestError`."""
    try:
        return part.content.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequestError(f"`{part.name}` is not UTF-8 text.", param=part.name) from error


def _boundary(content_type: str) -> str:
    kind, options = parse_options_header(content_type)
    boundary: str = options.get("boundary", "")
    if kind != "multipart/form-data" or not boundary or not boundary.isascii():
        raise InvalidRequestError(
            "This takes a form: `Content-Type: multipart/form-data; boundary=...`.",
            kind=Kind.MEDIA_TYPE,
            code="media_type",
        )
    return boundary


def _part(segment: MultipartSegment, content: bytes) -> Part:
    name, filename = segment.name or "", _filename(segment)
    if filename is None and len(content) > LONGEST_FIELD:
        raise InvalidRequestError(f"`{name}` is longer than {LONGEST_FIELD} bytes.", param=name)
    return Part(name, content, filename, segment.header("Content-Type"))


def _filename(segment: MultipartSegment) -> str | None:
    """Also where it stands as in mail (RFC 5987) alone, as older clients write it."""
    name: str | None = segment.filename
    coded = _CODED.search(segment.header("Content-Disposition") or "")
    if name is None and coded is not None:
        name = unquote(coded[1])
    return name


def _head(part: Part) -> bytes:
    head = f'Content-Disposition: form-data; name="{_quoted(part.name)}"'
    if part.filename is not None:
        head += f'; filename="{_quoted(part.filename)}"'
    if part.content_type is not None:
        head += f"\r\nContent-Type: {part.content_type}"
    return head.encode()


def _quoted(text: str) -> str:
    """As browsers write it (the WHATWG's form encoding)."""
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
