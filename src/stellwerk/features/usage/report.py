"""What comes back when usage is asked for."""

import base64
import binascii
from contextlib import suppress
from datetime import date, datetime
from typing import Any

import msgspec
from pydantic import BaseModel, Field

from stellwerk.base.prices import amount
from stellwerk.features.usage.errors import UnknownGroupError


class Total(BaseModel):
    """The usage of one group. A field that was not grouped by is null."""

    id: str = Field(description="Place in the list, for `after`.")
    day: date | None = Field(None, description="Day in UTC.")
    project: str | None = Field(None, description="Id of the project.")
    project_name: str | None = Field(None, description="Its name; null where it is gone.")
    key: str | None = Field(None, description="Id of the API key.")
    key_name: str | None = Field(None, description="Its name; null where it is gone.")
    model: str | None = Field(None, description="Id of the model.")
    target: str | None = Field(None, description="What ran it.")
    operation: str | None = Field(None, description="What was asked of it.")
    requests: int = Field(description="Requests, failed ones too.")
    errors: int = Field(
        description="Those that ended with a status of 400 or more, or whose client hung up."
    )
    estimated: int = Field(
        description="Those whose tokens were counted here, as their server did not say."
    )
    prompt_tokens: int = Field(description="Tokens sent, those out of a cache too.")
    cached_tokens: int = Field(description="Those out of a cache.")
    completion_tokens: int = Field(description="Tokens answered.")
    cost: str = Field(description="Cost in `currency`, exact, as a decimal number.")
    cost_nano: int = Field(description="The same in whole nano-units (10^-9) of the currency.")


class Report(BaseModel):
    """Totals of a span of time, in the order of their groups."""

    object: str = Field("list", description="Always `list`.")
    start: datetime = Field(description="First moment that was counted.")
    end: datetime = Field(description="First moment that was not counted.")
    currency: str = Field(description="Currency of all costs.")
    data: list[Total] = Field(description="A total for each group.")
    first_id: str | None = Field(None, description="Place of the first total.")
    last_id: str | None = Field(None, description="Place of the last total.")
    has_more: bool = Field(description="Whether there are more after `last_id`.")


def total(values: dict[str, Any], groups: tuple[str, ...]) -> Total:
    """`values` are the columns of one group and its sums."""
    numbers = {name: int(value) for name, value in values.items() if name not in TEXTS}
    texts = {name: value for name, value in values.items() if name in TEXTS}
    nano = numbers.pop("cost")
    place = place_of([values[name] for name in groups])
    return Total(id=place, cost=amount(nano), cost_nano=nano, **texts, **numbers)


TEXTS = ("day", "project", "project_name", "key", "key_name", "model", "target", "operation")


def place_of(group: list[Any]) -> str:
    """A group's values as one word."""
    return base64.urlsafe_b64encode(msgspec.json.encode(group)).decode().rstrip("=") or "W10"


def group_at(place: str, groups: tuple[str, ...]) -> tuple[Any, ...]:
    """The values that `place_of` made a word of. Raises `UnknownGroupError`."""
    parts = tuple(date if name == "day" else str for name in groups)
    shape: Any = tuple.__class_getitem__(parts)
    values: tuple[Any, ...] | None = None
    with suppress(UnicodeEncodeError, binascii.Error, msgspec.MsgspecError, ValueError):
        padded = place.encode("ascii") + b"=" * (-len(place) % 4)
        values = msgspec.json.decode(base64.b64decode(padded, b"-_", validate=True), type=shape)
    if values is None or any("\0" in str(value) for value in values):
        raise UnknownGroupError(
            f"`after`: {place[:60]!r} is no `id` out of a list with the same `group_by`.",
            param="after",
        )
    return values
