"""The little that is read from, and written into, a body on its way through."""

import msgspec

from stellwerk.base.errors import InvalidRequestError
from stellwerk.operations.operation import Call, Operation, Outline
from stellwerk.wire.decode import decode


def outline(call: Call) -> Outline:
    """Decode what the hub must know. Raises `InvalidRequestError` that names the field."""
    read = decode(call.body, Outline)
    read.model = call.model or read.model
    if not read.model:
        raise InvalidRequestError("`model` is missing: name a model.", param="model")
    return read


def check(operation: Operation, body: bytes) -> None:
    """Decode all of the body for its errors: a local engine would say the same, but later."""
    decode(body, operation.request)


def with_model(body: bytes, model: str) -> bytes:
    """The body with its `model` replaced."""
    fields = decode(body, dict[str, msgspec.Raw])
    fields["model"] = msgspec.Raw(msgspec.json.encode(model))
    return msgspec.json.encode(fields)
