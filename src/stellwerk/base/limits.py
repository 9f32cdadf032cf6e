"""Limits as a person writes them down: for a key, a project or a model."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

NANO = 10**9

Amount = Annotated[int, Field(ge=1, le=10**12)]
# With nine decimals it fits into 63 bits of nano-units.
Money = Annotated[Decimal, Field(ge=0, le=9 * 10**9, decimal_places=9, allow_inf_nan=False)]


class Limits(BaseModel):
    """What may be used. What is not given is not limited."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_per_minute: Amount | None = Field(
        None, description="Requests that may begin in any 60 seconds."
    )
    input_tokens_per_minute: Amount | None = Field(
        None, description="Tokens of prompts in any 60 seconds, counted when a request begins."
    )
    output_tokens_per_minute: Amount | None = Field(
        None, description="Tokens of answers in any 60 seconds, counted when a request ends."
    )
    concurrent_requests: Amount | None = Field(
        None, description="Requests that may run at the same time."
    )
    monthly_budget: Money | None = Field(
        None, description="Money for a calendar month (UTC), in the unit of the price list."
    )
    prepaid_budget: Money | None = Field(
        None, description="Money in all, ever; raise it to top it up."
    )

    def __bool__(self) -> bool:
        """Whether anything is limited."""
        return any(value is not None for _, value in self)


def nano(money: Decimal) -> int:
    """An amount of money in nano-units, exactly."""
    return int(money * NANO)
