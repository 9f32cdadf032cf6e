"""A delivery, as its sender has it and as its receiver's owner may see it."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, Field

DELIVERED = range(200, 300)


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery whose time has come. Only who names its `attempts` may write of it."""

    id: str
    project_id: str
    attempts: int
    url: str
    type: str
    data: str
    created_at: datetime
    secrets: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a delivery stands."""

    attempts: int
    next_at: datetime | None
    ended_at: datetime | None
    status: int | None
    error: str | None

    @property
    def delivered(self) -> bool:
        return self.ended_at is not None and self.status in DELIVERED


class WebhookSecret(BaseModel):
    """A new secret. It is shown once."""

    project: str = Field(description="Name or id of the project, as it was given.")
    secret: str = Field(description="`whsec_` and base64: what verifies the project's webhooks.")
    previous_expires_at: int | None = Field(
        None, description="Unix seconds until which the secret before it signs as well."
    )
