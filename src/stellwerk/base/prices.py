"""A model's price list, and what a call costs by it.

Money is counted in whole nano-units: 10^-9 of the currency that `usage.currency` names. A price of
0.15 a million tokens is 150 of them a token, so cheap models lose nothing by rounding, and 63 bits
hold nine thousand million units of the currency.
"""

from decimal import Decimal
from functools import cached_property
from typing import Annotated, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

NANO, PICO = 10**9, 10**12
MILLION = 10**6

Price = Annotated[Decimal, Field(ge=0, le=10**6, max_digits=13, decimal_places=6)]


class Rates(NamedTuple):
    """Prices of one of each, as whole pico-units (10^-12 of the currency)."""

    input: int
    cached_input: int
    output: int
    request: int
    image: int
    audio_minute: int


class Prices(BaseModel):
    """Prices of a model, in the currency that `usage.currency` names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Price = Field(default=Decimal(0), description="A million prompt tokens.")
    cached_input: Price | None = Field(
        default=None, description="A million prompt tokens out of a cache. Default: as `input`."
    )
    output: Price = Field(default=Decimal(0), description="A million tokens of the answer.")
    per_request: Price = Field(default=Decimal(0), description="Each request.")
    per_image: Price = Field(default=Decimal(0), description="Each image made.")
    per_audio_minute: Price = Field(
        default=Decimal(0), description="A minute of audio, counted to the second."
    )

    @cached_property
    def rates(self) -> Rates:
        """Worked out once: a call's cost is then a few whole numbers, not decimals, multiplied."""
        cached = self.input if self.cached_input is None else self.cached_input
        per_million = (self.input, cached, self.output)
        per_one = (self.per_request, self.per_image, self.per_audio_minute)
        return Rates(
            *(int(price * PICO / MILLION) for price in per_million),
            *(int(price * PICO) for price in per_one),
        )

    @model_validator(mode="after")
    def _some_price(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give at least one price, or leave `prices` out")
        return self


def cost(
    prices: Prices | None,
    prompt: int,
    cached: int,
    completion: int,
    *,
    images: int = 0,
    audio_seconds: float = 0,
) -> int:
    """What a call that was served costs, in nano-units; 0 for a model without prices.

    `prompt` counts the `cached` tokens too. Half a nano-unit is rounded up, once for the call.
    """
    if prices is None:
        return 0
    rates = prices.rates
    cached = min(cached, prompt)
    total = (prompt - cached) * rates.input + cached * rates.cached_input
    total += completion * rates.output + rates.request + images * rates.image
    if audio_seconds:
        total += round(audio_seconds * rates.audio_minute / 60)
    return (total + 500) // 1000


def amount(nano_units: int) -> str:
    """Nano-units as a decimal number of the currency: 1500000 -> `0.0015`."""
    whole, rest = divmod(nano_units, NANO)
    return f"{whole}.{rest:09}".rstrip("0").rstrip(".")
