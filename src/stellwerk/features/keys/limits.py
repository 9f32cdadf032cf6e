"""Limits as they are kept in a row: only what is limited, money as text so that it stays exact."""

from typing import Any

from stellwerk.base.limits import Limits


def written(limits: Limits) -> dict[str, Any]:
    return limits.model_dump(mode="json", exclude_none=True)


def changed(before: dict[str, Any], change: Limits) -> dict[str, Any]:
    """`before` with the fields that `change` was given; null takes a limit away."""
    given = change.model_dump(mode="json", exclude_unset=True)
    return {name: value for name, value in {**before, **given}.items() if value is not None}
