"""A verb: its name, its path and the types that go in and out. Each is defined once."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from stellwerk.base.model_entry import ModelType
from stellwerk.features.keys.types import Principal, Scope


@dataclass(frozen=True, slots=True)
class Operation:
    """One verb of the API, for every door.

    `request` is the whole shape of the body, `response` that of the answer and `event` that of one
    server-sent event, where the verb can stream. `serves` says which models can do it.
    """

    name: str
    path: str
    serves: ModelType
    request: type[Any]
    response: type[Any]
    event: type[Any] | None
    summary: str
    description: str
    example: dict[str, Any] = field(default_factory=dict)
    scope: Scope = Scope.INFERENCE


@dataclass(frozen=True, slots=True)
class Call:
    """One request for an operation: who asks, and the body's bytes.

    `model` is the model that the address names (Azure's form); it goes before the body's.
    """

    principal: Principal
    body: bytes
    request_id: str
    model: str | None = None


class Outline(msgspec.Struct):
    """The little of a body that the hub itself must know."""

    model: str | None = None
    stream: bool | None = None
