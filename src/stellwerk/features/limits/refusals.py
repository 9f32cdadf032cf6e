"""What the caller of a request that is not admitted is told."""

from math import ceil

from stellwerk.base.limits import NANO
from stellwerk.features.limits.errors import BudgetExceededError, RateLimitedError
from stellwerk.features.limits.gate import Gate
from stellwerk.features.limits.headers import lines
from stellwerk.features.limits.types import Kind
from stellwerk.features.limits.window import Cell
from stellwerk.ports.sink import parsed

Refusal = RateLimitedError | BudgetExceededError


def refusal(gate: Gate, cell: Cell, amount: int, now: float) -> Refusal:
    """Why `amount` of `cell` cannot be had: whose limit, its number, and when to come again."""
    told = parsed(lines(gate.requests, gate.tokens))
    if cell.kind.money:
        return BudgetExceededError(_spent(cell, amount), told)
    limit = f"{cell.words} is limited to {cell.limit} {cell.kind.words}"
    if amount > cell.limit:
        return RateLimitedError(
            f"{limit}, and this request alone may need {amount}. Make it smaller "
            "(a shorter prompt or a lower max_tokens).",
            retry_after=None,
            headers=(*told, (b"x-should-retry", b"false")),
        )
    seconds = cell.wait(amount, now)
    if seconds is None:
        # Other processes hold the rest: what comes back in one of them comes at about this rate.
        seconds = max(cell.kind.window * amount / cell.limit, 1.0)
    whole = max(ceil(seconds), 1)
    when = f"Try again in {whole} s."
    if cell.kind is Kind.CONCURRENT:
        when = "Try again when one of them has ended."
    return RateLimitedError(f"{limit}. {when}", retry_after=whole, headers=told)


def _spent(cell: Cell, amount: int) -> str:
    budget = f"{cell.words} has a {cell.kind.words} of {money(cell.limit)}"
    if amount > cell.limit:
        return f"{budget}, and this request alone may cost {money(amount)}."
    end = "" if cell.kind is Kind.PREPAID else " It starts anew with the next month (UTC)."
    return f"{budget}, and what is left of it does not cover this request.{end}"


def money(nano: int) -> str:
    """`12500000000` -> `12.5`."""
    whole, rest = divmod(nano, NANO)
    return f"{whole}.{rest:09}".rstrip("0").rstrip(".")
