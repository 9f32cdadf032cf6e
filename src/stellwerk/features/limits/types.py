"""What is limited, whose limit it is, and what a request asks for."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from stellwerk.base.limits import Limits, nano

# Seconds. A use counts for so long; a limit holds in any interval of this length.
WINDOW = 60.0


class Kind(Enum):
    """(field of `Limits`, seconds that a use counts, how a message calls it)."""

    REQUESTS = ("requests_per_minute", WINDOW, "requests a minute")
    INPUT = ("input_tokens_per_minute", WINDOW, "input tokens a minute")
    OUTPUT = ("output_tokens_per_minute", WINDOW, "output tokens a minute")
    CONCURRENT = ("concurrent_requests", 0.0, "requests at a time")
    MONTHLY = ("monthly_budget", 0.0, "monthly budget")
    PREPAID = ("prepaid_budget", 0.0, "prepaid budget")

    @property
    def field(self) -> str:
        return self.value[0]

    @property
    def window(self) -> float:
        return self.value[1]

    @property
    def words(self) -> str:
        return self.value[2]

    @property
    def money(self) -> bool:
        return self in {Kind.MONTHLY, Kind.PREPAID}

    def of(self, limits: Limits) -> int | None:
        """This limit as a whole number: a count, or nano-units of money."""
        value = getattr(limits, self.field)
        return nano(value) if self.money and value is not None else value


class Demand(NamedTuple):
    """What a request will use at most: tokens, nano-units of money, and itself, `one` request."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost: int = 0
    one: int = 1


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose limit it is: `key`, `project` or `model`, its id, and how a message calls it."""

    scope: str
    id: str
    words: str


@dataclass(frozen=True, slots=True)
class Ask:
    """What a process tells of its share of one pool, and what it asks for.

    `limit` is the whole, `held` the share it keeps (money: without what is spent), `need` the least
    that helps it (0: nothing), `wish` what it could use at once; `spent` and `reserved` are
    nano-units of money.
    """

    pool: str
    limit: int
    window: float
    held: int
    need: int = 0
    wish: int = 0
    spent: int = 0
    reserved: int = 0


@dataclass(frozen=True, slots=True)
class Grant:
    """What a pool gave: the share that was added, what is left, and what other processes hold."""

    added: int
    left: int
    others: int
