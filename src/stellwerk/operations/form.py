"""Multipart bodies on their way through: what is read from them, and written into them."""

import hashlib

from stellwerk.operations.operation import Call, Operation
from stellwerk.wire.form import Part, decode_form, read_parts, text_of, write_parts


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
    parts = read_parts(call.body, call.content_type.decode("latin-1"))
    if Part("model", model.encode()) in parts:
        return call.body
    return write_parts(_named(parts, model), call.content_type.decode("latin-1"))


def digest(call: Call) -> bytes:
    """SHA-256 over the fields and files, whatever the boundary is: a repetition has a new one."""
    parts = read_parts(call.body, call.content_type.decode("latin-1"))
    hashed = sorted((part.name, hashlib.sha256(part.content).hexdigest()) for part in parts)
    return hashlib.sha256(repr(hashed).encode()).digest()


def _parts(call: Call) -> list[Part]:
    return read_parts(call.body, call.content_type.decode("latin-1"), files=False)


def _named(parts: list[Part], model: str) -> list[Part]:
    return [Part("model", model.encode()), *(part for part in parts if part.name != "model")]
