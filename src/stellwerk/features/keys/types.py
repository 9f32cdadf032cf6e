"""What a key is, and who stands behind a request."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
)

from stellwerk.base.limits import Limits
from stellwerk.base.values import Line
from stellwerk.features.keys.errors import ModelForbiddenError, ScopeMissingError


class Scope(StrEnum):
    INFERENCE = "inference"
    FILES = "files"
    FINE_TUNING = "fine-tuning"
    ADMIN = "admin"


ID = re.compile(r"key_[0-9a-f]{32}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
LAST_MOMENT = datetime(9999, 1, 1, tzinfo=UTC)
LONGEST_OVERLAP = timedelta(days=30)


def _written_out(value: object) -> object:
    """Pydantic would take a bare number for seconds (or milliseconds) since 1970."""
    if isinstance(value, datetime) or (isinstance(value, str) and MOMENT.fullmatch(value)):
        return value
    raise ValueError("give a moment with an offset, such as 2030-01-31T12:00:00Z (RFC 3339)")


def _to_come(moment: datetime) -> datetime:
    if moment <= datetime.now(UTC):
        raise ValueError("the moment is over; give one to come")
    if moment >= LAST_MOMENT:
        raise ValueError("the moment must lie before the year 9999")
    return moment


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_to_come)]


class NewKey(BaseModel):
    """A key as its maker describes it."""

    model_config = ConfigDict(extra="forbid")

    name: Line = Field(
        min_length=1, max_length=100, description="Name, unique in its project.", examples=["app"]
    )
    project: Line = Field(
        "default", min_length=1, max_length=100, description="Project; made when it is new."
    )
    models: tuple[Line, ...] = Field(
        ("*",),
        max_length=1000,
        description="Patterns of the model ids that it may use (`*`, `?`, `[a-z]`).",
        examples=[["Qwen*", "multilingual-e5-small"]],
        json_schema_extra={"minItems": 1},
    )
    scopes: tuple[Scope, ...] = Field(
        (Scope.INFERENCE, Scope.FILES),
        description="What it may do: inference, files, fine-tuning, admin.",
        json_schema_extra={"minItems": 1},
    )
    expires_at: Moment | None = Field(
        None, description="Time after which it counts no more (RFC 3339, with an offset)."
    )

    limits: Limits = Field(Limits(), description="What it may use; nothing is limited by default.")

    @field_validator("name", "project")
    @classmethod
    def _trimmed(cls, value: str) -> str:
        if value != value.strip():
            raise ValueError("no space at either end")
        return value

    @field_validator("name")
    @classmethod
    def _no_address(cls, name: str) -> str:
        if "/" in name or name in {".", ".."}:
            raise ValueError("a name is part of an address: no / and not . or ..")
        if ID.fullmatch(name):
            raise ValueError("key_ and 32 digits is how ids are written; choose another name")
        return name

    @field_validator("models", "scopes")
    @classmethod
    def _each_once(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        # Not `min_length`: pydantic counts what is valid, and says it again of a wrong one.
        if not values:
            raise ValueError("give at least one")
        return tuple(dict.fromkeys(values))


class KeyChange(BaseModel):
    """What is to be another at a key or a project."""

    model_config = ConfigDict(extra="forbid")

    limits: Limits = Field(
        description="Limits that change; null takes one away, one that is not named stays."
    )


class Project(BaseModel):
    """A project: the keys that belong together."""

    id: str = Field(description="Identifier.")
    name: str = Field(description="Name.")
    created_at: datetime = Field(description="When it was made.")
    limits: Limits = Field(description="What all its keys together may use.")


class Key(BaseModel):
    """A key as it is shown: without its secret."""

    id: str = Field(description="Identifier; it stays the same when the key is rotated.")
    project: str = Field(description="Name of its project.")
    name: str = Field(description="Name, unique among the live keys of its project.")
    prefix: str = Field(description="The first characters of the secret.")
    last_four: str = Field(description="The last four characters of the secret.")
    models: tuple[str, ...] = Field(description="Patterns of the model ids that it may use.")
    scopes: tuple[Scope, ...] = Field(description="What it may do.")
    created_at: datetime = Field(description="When it was made.")
    expires_at: datetime | None = Field(description="When it ends by itself.")
    revoked_at: datetime | None = Field(description="When it was revoked.")
    limits: Limits = Field(description="What it may use.")


class IssuedKey(Key):
    """A key with its secret, which is shown this once."""

    key: str = Field(description="The secret. It is not stored and cannot be shown again.")


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """The limits of a key and of its project; at least one of them limits something."""

    key: Limits
    project: Limits
    project_name: str


@dataclass(frozen=True, slots=True)
class Principal:
    """Who stands behind a request: one key of one project."""

    key_id: str
    key_name: str
    project_id: str
    models: tuple[str, ...]
    scopes: frozenset[Scope]
    expires_at: datetime | None
    limits: KeyLimits | None = None

    def expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= datetime.now(UTC)

    def may_use(self, model: str) -> bool:
        return "*" in self.models or any(fnmatchcase(model, one) for one in self.models)

    def require_model(self, model: str) -> None:
        if not self.may_use(model):
            message = f"The API key {self.key_name!r} may not use the model {model!r}."
            raise ModelForbiddenError(message, param="model")

    def require(self, scope: Scope) -> None:
        if scope not in self.scopes:
            has = ", ".join(sorted(self.scopes))
            raise ScopeMissingError(
                f"This needs an API key with the scope '{scope}'; {self.key_name!r} has: {has}."
            )
