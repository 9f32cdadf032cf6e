"""The little that is read from, and written into, a body on its way through."""

import re
from typing import Annotated, Any

import msgspec

from stellwerk.base.errors import InvalidRequestError
from stellwerk.operations import form
from stellwerk.operations.operation import Call, Operation
from stellwerk.wire.decode import decode

# What is reserved for an answer comes from it: a negative one would add to what a caller has.
Limit = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class Outline(msgspec.Struct):
    """The little of a body that the hub itself must know."""

    model: str | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: Limit | None = None
    max_completion_tokens: Limit | None = None
    max_output_tokens: Limit | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    background: Any = None

    @property
    def wants_usage(self) -> bool:
        return self.stream_options is not None and bool(self.stream_options.include_usage)

    @property
    def longest_answer(self) -> int | None:
        """The most tokens that the caller takes; None: no limit was given."""
        limit = self.max_completion_tokens or self.max_tokens or self.max_output_tokens
        return limit * (self.n or 1) if limit else None


Fields = dict[str, msgspec.Raw]

_outline = msgspec.json.Decoder(Outline)
_fields = msgspec.json.Decoder(Fields)
# To look through a large body takes longer than to take it apart, once.
LARGE = 4096


def outline(operation: Operation, call: Call) -> tuple[Outline, Fields | None]:
    """What the hub must know of a body, and for a large one its fields, not yet decoded.

    Raises `InvalidRequestError` that names the field.
    """
    fields = None
    try:
        if operation.form:
            read = _of_form(call)
        elif len(call.body) < LARGE:
            read = _outline.decode(call.body)
        else:
            fields = _fields.decode(call.body)
            known = {name: fields[name] for name in Outline.__struct_fields__ if name in fields}
            read = _outline.decode(msgspec.json.encode(known))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # The slower one of the two knows how to explain it.
        read = decode(call.body, Outline)
    if call.model is not None:
        read.model = call.model
    if not read.model:
        raise InvalidRequestError("`model` is missing: name a model.", param="model")
    return read, fields


def _of_form(call: Call) -> Outline:
    fields = form.texts(call)
    stream = fields.get("stream", "").lower() in {"true", "1"}
    number = fields.get("n", "")
    # What is no number is refused by who decodes all of it.
    wanted = int(number) if number.isascii() and number.isdigit() and len(number) < 4 else None
    return Outline(model=fields.get("model"), stream=stream, n=wanted)


def check(operation: Operation, call: Call, asked: Outline) -> None:
    """Decode all of the body for its errors: a local engine would say the same, but later."""
    if operation.form:
        form.check(operation, call)
        return
    decode(addressed(call, asked, None, asked.model or "", add_usage=False), operation.request)


def check_background(operation: Operation, asked: Outline) -> None:
    """Raise for an answer that nobody could fetch: it would be paid for and not be counted."""
    if operation.name == "responses" and asked.background:
        raise InvalidRequestError(
            "`background` cannot be true: the hub passes an answer on while it is made, and keeps "
            "none. Use `stream`.",
            param="background",
            code="unsupported_parameter",
        )


# A key that stands in the body once, and whose letters cannot hide behind escapes (\u0061), can
# be changed where it stands. Of a key that comes twice, others might read the other one.
MODEL = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')
HIDDEN = b"\\u00"
USAGE_WANTED = b'"stream_options":{"include_usage":true},'


def addressed(
    call: Call, asked: Outline, fields: Fields | None, model: str, *, add_usage: bool
) -> bytes:
    """The body with the model's name at its target, and with `include_usage` where it is added."""
    body = call.body
    if fields is None and call.model is None and body.count(b'"model"') == 1 and HIDDEN not in body:
        if model != asked.model:
            body = _renamed(body, asked.model or "", model)
        if not add_usage:
            return body
        if b'"stream_options"' not in body:
            start = body.index(b"{") + 1
            return b"".join((body[:start], USAGE_WANTED, body[start:]))
    return _rewritten(
        decode(body, Fields) if fields is None else fields, model, add_usage=add_usage
    )


def _renamed(body: bytes, old: str, new: str) -> bytes:
    """The body with another model. Its key comes once."""
    written = b'"model":' + msgspec.json.encode(old)
    if written in body:
        # As SDKs write it.
        return body.replace(written, b'"model":' + msgspec.json.encode(new))
    found = MODEL.search(body)
    if found is None:
        return body
    start, end = found.span(1)
    return b"".join((body[:start], msgspec.json.encode(new), body[end:]))


def _rewritten(fields: Fields, model: str, *, add_usage: bool) -> bytes:
    """The same for every body. A key that came twice is there once."""
    changed = {**fields, "model": msgspec.Raw(msgspec.json.encode(model))}
    if add_usage:
        given = fields.get("stream_options")
        # Other options of a stream than this one go through as they are.
        options: dict[str, Any] = (msgspec.json.decode(given) if given else None) or {}
        changed["stream_options"] = msgspec.Raw(
            msgspec.json.encode({**options, "include_usage": True})
        )
    return msgspec.json.encode(changed)
