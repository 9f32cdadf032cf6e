"""OpenAI's filters on attributes, as a condition in SQL.

A comparison is `{"type": "eq", "key": ..., "value": ...}`; `and` and `or` hold `filters`. An order
(`gt`, ...) compares numbers with numbers and texts with texts. `ne` and `nin` also take files that
have no such attribute.
"""

import json
import operator
from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, and_, cast, func, literal, not_, or_
from sqlalchemy.dialects.postgresql import JSONB

from stellwerk.features.stores.errors import FilterError
from stellwerk.features.stores.tables import store_files

DEEPEST, MOST = 8, 100
LONGEST_INTEGER = 63
# Filters and values in all: each is looked at for every file, and is a parameter of the statement,
# of which PostgreSQL takes 32,767.
LARGEST = 2000
ORDERS: dict[str, Callable[[Any, Any], Any]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
COMPARISONS = {"eq", "ne", "in", "nin", *ORDERS}


def condition(given: dict[str, Any]) -> ColumnElement[bool]:
    """Raises `FilterError` that names the place."""
    if _size(given) > LARGEST:
        raise _wrong("filters", f"has more than {LARGEST} filters and values in all")
    return _condition(given, "filters", 0)


def _size(given: dict[str, Any]) -> int:
    """Filters and values in all, whatever else may be wrong with them."""
    waiting: list[Any] = [given]
    found = 0
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            inner, value = one.get("filters"), one.get("value")
            waiting += inner if isinstance(inner, list) else []
            found += len(value) if isinstance(value, list) else 1
    return found


def _condition(given: Any, place: str, depth: int) -> ColumnElement[bool]:
    if not isinstance(given, dict):
        raise _wrong(place, "must be an object")
    if depth > DEEPEST:
        raise _wrong(place, f"is nested more than {DEEPEST} levels deep")
    kind = given.get("type")
    if kind in {"and", "or"}:
        inner = given.get("filters")
        if not isinstance(inner, list) or not 0 < len(inner) <= MOST:
            raise _wrong(f"{place}.filters", f"must be a list of 1 to {MOST} filters")
        parts = [_condition(one, f"{place}.filters[{n}]", depth + 1) for n, one in enumerate(inner)]
        return and_(*parts) if kind == "and" else or_(*parts)
    if kind not in COMPARISONS:
        right = ", ".join(sorted(COMPARISONS | {"and", "or"}))
        raise _wrong(f"{place}.type", f"must be one of: {right}")
    return _comparison(kind, given, place)


def _comparison(kind: str, given: dict[str, Any], place: str) -> ColumnElement[bool]:
    key, value = given.get("key"), given.get("value")
    if not isinstance(key, str) or not _storable(key):
        raise _wrong(f"{place}.key", "must be the name of an attribute")
    found = store_files.c.attributes[key]
    if kind in {"in", "nin"}:
        if not isinstance(value, list) or not 0 < len(value) <= MOST:
            raise _wrong(f"{place}.value", f"must be a list of 1 to {MOST} values")
        among = found.in_([_json(one, f"{place}.value") for one in value])
        return among if kind == "in" else func.coalesce(not_(among), True)
    wanted = _json(value, f"{place}.value")
    if kind in {"eq", "ne"}:
        same = found == wanted
        return same if kind == "eq" else func.coalesce(not_(same), True)
    alike = func.jsonb_typeof(found) == func.jsonb_typeof(wanted)
    return and_(alike, ORDERS[kind](found, wanted))


def _json(value: Any, place: str) -> ColumnElement[Any]:
    if not isinstance(value, str | int | float | bool) or not _storable(value):
        raise _wrong(place, "must be a text, a number, true or false")
    return cast(literal(value, JSONB), JSONB)


def _storable(value: Any) -> bool:
    """Whether it can be kept: no NUL, half of a surrogate pair, infinity, or very long integer."""
    if isinstance(value, int) and value.bit_length() > LONGEST_INTEGER:
        return False
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except ValueError:
        return False
    return "\\u0000" not in text


def _wrong(place: str, message: str) -> FilterError:
    return FilterError(f"`{place}` {message}.", param=place)
