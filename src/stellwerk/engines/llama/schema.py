"""JSON schemas as grammars that the engine keeps its answers to.

The grammars are LLGuidance's. The engine drops one that it cannot compile without a word, so each
is compiled here first, by the same library.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from llguidance import LLMatcher

from stellwerk.base.errors import InvalidRequestError

HEAD = "%llguidance {}\n"
# A small model that may put blanks anywhere can go on with blanks for ever.
SPACING = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
# Where a schema holds others: directly, in a list, or under names of the caller's.
INNER, LISTS, NAMED = (
    {"items", "additionalProperties"},
    {"anyOf", "oneOf", "prefixItems", "items"},
    {"properties", "patternProperties", "$defs", "definitions"},
)


class SchemaError(InvalidRequestError):
    """A JSON schema is none, or none that an answer could keep to."""

    code = "invalid_json_schema"


def json_rule(schema: Any, *, strict: bool) -> str:
    """The right side of a grammar's rule for JSON that keeps to `schema`.

    What a schema asks beyond what a grammar can enforce is passed over, unless `strict`.
    """
    guidance = SPACING | {"lenient": not strict, "coerce_one_of": True}
    text = msgspec.json.encode({**closed(schema), "x-guidance": guidance}).decode()
    return f"%json {text}"


def grammar(start: str, **rules: str) -> str:
    """A grammar that begins with `start`, an expression over the named rules."""
    lines = [f"start: {start}", *(f"{name}: {rule}" for name, rule in rules.items())]
    return HEAD + "\n".join(lines)


def check_schema(schema: dict[str, Any], *, strict: bool, param: str) -> None:
    """Raises `SchemaError` for a schema that nothing can fulfil or no grammar can say."""
    _check_references(schema, param)
    try:
        rule = json_rule(schema, strict=strict)
    except RecursionError as error:
        message = f"`{param}` cannot be used: it is nested too deeply."
        raise SchemaError(message, param=param) from error
    broken, messages = LLMatcher.validate_grammar_with_warnings(grammar(rule))
    if broken:
        raise SchemaError(f"`{param}` cannot be used: {_reason(messages)}.", param=param)


def _check_references(schema: dict[str, Any], param: str) -> None:
    """The grammar's library passes over references that lead only back to themselves."""
    for key in ("$defs", "definitions"):
        if not isinstance(schema.get(key, {}), dict):
            raise SchemaError(f"`{param}.{key}` has to be an object.", param=f"{param}.{key}")
    for start in _references(schema):
        seen: set[str] = set()
        found: Any = {"$ref": start}
        while isinstance(found, dict) and isinstance(found.get("$ref"), str):
            if found["$ref"] in seen:
                message = f"`{param}` cannot be used: {start!r} refers to nothing but itself."
                raise SchemaError(message, param=param)
            seen.add(found["$ref"])
            found = _named(schema, found["$ref"])


def _references(schema: Any) -> Iterator[str]:
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if isinstance(one.get("$ref"), str):
                yield one["$ref"]
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _named(schema: Any, reference: str) -> Any:
    """What a reference within the same schema names (RFC 6901); None for any other."""
    found = schema
    for step in reference.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, dict) else None
    return found if reference.startswith("#") else None


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """`schema` with no room for properties that it does not name, unless it gives that room.

    JSON schema leaves it open; a model that is bound only by the grammar then invents some. A
    schema that is put together by `allOf` stays as it is: its parts name each other's properties.
    """
    return schema if _is_joined(schema) else _closed(schema)


def _closed(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    inner = {key: _closed_under(key, value) for key, value in schema.items()}
    if "properties" in inner and not {"additionalProperties", "patternProperties"} & inner.keys():
        inner["additionalProperties"] = False
    return inner


def _closed_under(key: str, value: Any) -> Any:
    if key in LISTS and isinstance(value, list):
        return [_closed(one) for one in value]
    if key in NAMED and isinstance(value, dict):
        return {name: _closed(one) for name, one in value.items()}
    return _closed(value) if key in INNER else value


def _is_joined(schema: Any) -> bool:
    if isinstance(schema, list):
        return any(map(_is_joined, schema))
    if not isinstance(schema, dict):
        return False
    parts = schema.get("allOf")
    if isinstance(parts, list) and (len(parts) > 1 or "properties" in schema):
        return True
    return any(map(_is_joined, schema.values()))


def _reason(messages: list[str]) -> str:
    reason = messages[0].partition("failed to compile JSON schema: ")[2] or messages[0]
    first = re.split(r"\n\s+1 \| ", reason)[0]
    return " ".join(first.split()).rstrip(".")
