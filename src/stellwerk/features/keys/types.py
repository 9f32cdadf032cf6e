"""What a key is, and who stands behind a request."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from fnmatch import fnmatchcase

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from stellwerk.features.keys.errors import ModelForbiddenError, ScopeMissingError


class Scope(StrEnum):
    INFERENCE = "inference"
    FILES = "files"
    FINE_TUNING = "fine-tuning"
    ADMIN = "admin"


class NewKey(BaseModel):
    """A key as its maker describes it."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        min_length=1, max_length=100, description="Name, unique in its project.", examples=["app"]
    )
    project: str = Field(
        "default", min_length=1, max_length=100, description="Project; made when it is new."
    )
    models: tuple[str, ...] = Field(
        ("*",),
        min_length=1,
        description="Patterns of the model ids that it may use (`*`, `?`, `[a-z]`).",
        examples=[["Qwen*", "multilingual-e5-small"]],
    )
    scopes: tuple[Scope, ...] = Field(
        (Scope.INFERENCE, Scope.FILES),
        min_length=1,
        description="What it may do: inference, files, fine-tuning, admin.",
    )
    expires_at: AwareDatetime | None = Field(
        None, description="Time after which it counts no more (RFC 3339, with an offset)."
    )

    @field_validator("name", "project")
    @classmethod
    def _visible(cls, value: str) -> str:
        if value != value.strip() or not value.isprintable():
            raise ValueError("only printable characters, and no space at either end")
        return value


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


class IssuedKey(Key):
    """A key with its secret, which is shown this once."""

    key: str = Field(description="The secret. It is not stored and cannot be shown again.")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who stands behind a request: one key of one project."""

    key_id: str
    key_name: str
    project_id: str
    models: tuple[str, ...]
    scopes: frozenset[Scope]
    expires_at: datetime | None

    def expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= datetime.now(UTC)

    def may_use(self, model: str) -> bool:
        return any(fnmatchcase(model, pattern) for pattern in self.models)

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
