"""A verb: its name, its path and the types that go in and out. Each is defined once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from stellwerk.base.model_entry import ModelType
from stellwerk.features.keys.types import Principal, Scope
from stellwerk.wire.form import Part


@dataclass(frozen=True, slots=True)
class Operation:
    """One verb of the API, for every door.

    `request` is the whole shape of the body: JSON, or a multipart form where `form` is set.
    `response` is that of the answer, which may be plain text where `plain_text` is set, and `event`
    that of one server-sent event, where the verb can stream. `media` are the types of an answer in
    bytes that mean nothing to the hub and are passed on as they come. `serves` says which models
    can do it.
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
        """Bytes of text that the model reads, as far as it is known; a form holds a file."""
        return 0 if self.content_type.startswith(b"multipart/") else len(self.body)
