"""A verb: its name, its path and the types that go in and out. Each is defined once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from stellwerk.base.model_entry import ModelType
from stellwerk.features.keys.types import Principal, Scope
from stellwerk.wire.form import Part

# Data URLs in smaller bodies are not worth the look.
LARGE = 8192
DATA = b";base64,"
# What a picture counts as, in bytes of text: about a thousand tokens.
PICTURE = 4096


@dataclass(frozen=True, slots=True)
class Operation:
    """One verb of the API, for every door.

    `request` is the whole shape of the body: JSON, or a multipart form where `form` is set.
    `response` is that of the answer, which may be plain text where `plain_text` is set, and `event`
    that of one server-sent event, where the verb can stream. `media` are the types of an answer in
    bytes that mean nothing to the hub and are passed on as they come. `serves` says which models
    can do it. `sees`: pictures may be in the body, as `image_url`.
    `tells_usage`: a stream tells its usage when `stream_options.include_usage` asks for it. `raw`:
    the text goes to the model as it is, which providers of closed models do not offer.
    """

    name: str
    path: str
    serves: ModelType
    request: type[Any]
    response: type[Any] | None
    event: type[Any] | None
    summary: str
    description: str
    example: dict[str, Any] = field(default_factory=dict)
    scope: Scope = Scope.INFERENCE
    tells_usage: bool = False
    raw: bool = False
    form: bool = False
    plain_text: bool = False
    media: tuple[str, ...] = ()
    sees: bool = False

    @property
    def batchable(self) -> bool:
        """Whether a call and its answer are JSON, which fits into a line of a file."""
        return not (self.form or self.media or self.plain_text)


class Call(msgspec.Struct, frozen=True, gc=False):
    """One request for an operation: who asks, and the body's bytes.

    `progress` hears of the share of the work that is done, where the model tells it. `parts` are a
    form's fields without the contents of its files, where they were read already.

    `model` is the model that the address names (Azure's form); it goes before the body's. `trace`
    is the caller's `traceparent`. (A struct of msgspec's is made several times faster than a frozen
    dataclass.)
    """

    principal: Principal
    body: bytes
    request_id: str
    model: str | None = None
    content_type: bytes = b"application/json"
    progress: Callable[[float], None] | None = None
    parts: tuple[Part, ...] | None = None
    trace: str | None = None

    @property
    def prompt_size(self) -> int:
        """Bytes of text that the model reads, as far as it is known; a form holds a file.

        A picture in the body counts as much as its tokens may be.
        """
        if self.content_type.startswith(b"multipart/"):
            return 0
        size = len(self.body)
        return size if size < LARGE else size - _data_in(self.body)


def _data_in(body: bytes) -> int:
    """By how much the data URLs in a body are longer than what a model reads of them."""
    extra, start = 0, body.find(DATA)
    while start >= 0:
        end = body.find(b'"', start)
        extra += max((end if end >= 0 else len(body)) - start - PICTURE, 0)
        start = body.find(DATA, start + len(DATA))
    return extra
