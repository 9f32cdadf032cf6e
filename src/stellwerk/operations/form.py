"""Multipart bodies on their way through: what is read from them, and written into them."""

import asyncio
import hashlib

from stellwerk.operations.operation import Call, Operation
from stellwerk.wire.form import Part, decode_form, read_parts, text_of, value_span, write_parts

Parts = tuple[Part, ...]

# Looking through more than this takes milliseconds, in which nothing else would be done.
LARGE = 2**20


async def parted(operation: Operation, body: bytes, content_type: bytes) -> Parts | None:
    """The fields of a form, without the contents of files; None for a body that is no form.

    Raises `InvalidRequestError`.
    """
    if not operation.form:
        return None
    if len(body) < LARGE:
        return _read(body, content_type)
    return await asyncio.to_thread(_read, body, content_type)


def texts(call: Call) -> dict[str, str]:
    """The fields that are no files."""
    return {part.name: text_of(part) for part in _parts(call) if part.filename is None}


def check(operation: Operation, call: Call) -> None:
    """Decode all but the files. Raises `InvalidRequestError` that names the field."""
    parts = _parts(call)
    if call.model is not None:
        parts = _named(parts, call.model)
    decode_form(parts, operation.request)


def addressed(call: Call, model: str) -> bytes:
    """The body with the model's name at its target."""
    given = [part for part in _parts(call) if part.name == "model"]
    if given == [Part("model", model.encode())]:
        return call.body
    content_type = call.content_type.decode("latin-1")
    span = value_span(call.body, content_type, given[0]) if len(given) == 1 else None
    if span is not None:
        start, end = span
        return b"".join((call.body[:start], model.encode(), call.body[end:]))
    parts = read_parts(call.body, content_type)
    return write_parts(_named(tuple(parts), model), content_type)


async def digest(call: Call) -> bytes:
    """SHA-256 over the fields and files, whatever the boundary is: a repetition has a new one."""
    if len(call.body) < LARGE:
        return _digest(call)
    return await asyncio.to_thread(_digest, call)


def _digest(call: Call) -> bytes:
    parts = read_parts(call.body, call.content_type.decode("latin-1"))
    hashed = sorted((part.name, hashlib.sha256(part.content).hexdigest()) for part in parts)
    return hashlib.sha256(repr(hashed).encode()).digest()


def _parts(call: Call) -> Parts:
    return _read(call.body, call.content_type) if call.parts is None else call.parts


def _read(body: bytes, content_type: bytes) -> Parts:
    return tuple(read_parts(body, content_type.decode("latin-1"), files=False))


def _named(parts: Parts, model: str) -> Parts:
    return (Part("model", model.encode()), *(part for part in parts if part.name != "model"))
