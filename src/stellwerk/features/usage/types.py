"""A row of usage, and the rows that one process writes at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

LARGEST_TOKENS = 2**31 - 1
# A million of the currency, so that no sum of such rows passes 63 bits soon.
LARGEST_COST = 10**15
LARGEST_STATUS = 2**15 - 1


class UsageRow(msgspec.Struct, array_like=True, gc=False):
    """One request. A struct, because it is made on every request (0.2 us).

    `time` is its arrival in Unix seconds, `cost` is in nano-units (10^-9 of `usage.currency`,
    see `base/prices.py`), `first_byte_ms` and `duration_ms` are milliseconds from its arrival, and
    `status` is the HTTP status that the client got, 499 where it hung up before the end.
    `prompt_tokens` counts `cached_tokens` too; `estimated`: we counted the tokens, not the server
    that ran the model.
    """

    time: float
    request_id: str
    key_id: str
    project_id: str
    model: str
    target: str
    operation: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost: int
    first_byte_ms: float | None
    duration_ms: float
    status: int
    estimated: bool
    stream: bool

    def storable(self) -> "UsageRow":
        """The same row, with what PostgreSQL could not keep brought into its bounds.

        A server may claim any number of tokens, and one odd row must not hold up a thousand.
        """
        names = ("request_id", "key_id", "project_id", "model", "target", "operation")
        tokens = ("prompt_tokens", "cached_tokens", "completion_tokens")
        return msgspec.structs.replace(
            self,
            **{name: _text(getattr(self, name)) for name in names},
            **{name: _bounded(getattr(self, name), LARGEST_TOKENS) for name in tokens},
            cost=_bounded(self.cost, LARGEST_COST),
            status=_bounded(self.status, LARGEST_STATUS),
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that are written together or not at all, once.

    A writer, one for each process that records, numbers its batches upwards. PostgreSQL keeps the
    last number of each writer in the same transaction as the rows, so that a batch whose fate is
    not known (the line broke, the process was killed) can be handed in again.
    """

    writer: UUID
    sequence: int
    rows: Sequence[UsageRow]


def _bounded(number: int, largest: int) -> int:
    return max(0, min(int(number), largest))


def _text(text: str) -> str:
    return text.encode(errors="replace").decode().replace("\0", "")
