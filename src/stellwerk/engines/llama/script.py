"""The prompt that leads a small model to a call: examples, the functions, the conversation.

Small models often miss the form that their own chat template asks for, but continue a list of
examples well. So the conversation is written down as such a list and the model, bound by a
grammar, writes the line that follows `Function:`.
"""

from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any

import msgspec

from stellwerk.engines.llama.messages import Called, Line
from stellwerk.engines.llama.schema import grammar, json_rule
from stellwerk.wire.tools import Function

ASK = "Function:"
NONE = "none"
NO_ARGUMENTS = {"type": "object", "properties": {}, "additionalProperties": False}
# Deeper than this a type is told as `object`: a prompt is no place for a whole schema.
DEEPEST = 3


def examples() -> str:
    return files(__package__).joinpath("examples.txt").read_text("utf-8")


def script(examples: str, functions: Sequence[Function], lines: Iterable[Line]) -> str:
    """The prompt up to and with the `Function:` that the model has to complete."""
    told = "".join(map(_signature, functions))
    return f"{examples}Functions:\n{told}- {none_of(functions)}: no function fits\n" + "".join(
        (*_tell(lines, none_of(functions)), ASK)
    )


def called(name: str, arguments: str) -> str:
    """What the model wrote, and the next question."""
    return f" {name} {arguments}\n{ASK}"


def none_of(functions: Sequence[Function]) -> str:
    """The word for no call; a function of that name gets another one."""
    names = {function.name for function in functions}
    return NONE if NONE not in names else "no_function"


def call_grammar(functions: Sequence[Function], *, may_decline: bool) -> str:
    """A line that calls one of the functions with arguments after its schema."""
    # The line's end belongs to the grammar: many vocabularies hold `"}` and it in one token.
    rules = {
        f"call{number}": f'" {function.name} " json{number} "\\n"'
        for number, function in enumerate(functions)
    }
    names = [*rules]
    for number, function in enumerate(functions):
        rules[f"json{number}"] = json_rule(
            function.parameters or NO_ARGUMENTS, strict=bool(function.strict)
        )
    if may_decline:
        names.append(f'" {none_of(functions)}\\n"')
    return grammar(" | ".join(names), **rules)


def _tell(lines: Iterable[Line], none: str) -> Iterable[str]:
    open_turn = False
    for line in lines:
        if isinstance(line, Called):
            yield f"{ASK} {line.name} {line.arguments}\n"
            yield f"Result: {_inline(line.result or '')}\n"
        elif line.role == "system":
            yield f"\nContext: {_inline(line.text)}\n"
        elif line.role == "user":
            yield f"\nUser: {_inline(line.text)}\n"
            open_turn = True
        else:
            yield f"{ASK} {none}\n" if open_turn else ""
            yield f"Assistant: {_inline(line.text)}\n"
            open_turn = False


def _inline(text: str) -> str:
    return text.strip().replace("\n", "\n  ")


def _signature(function: Function) -> str:
    described = " ".join((function.description or "").split())
    schema = function.parameters or NO_ARGUMENTS
    return f"- {function.name}: {described} {_fields(schema, _Names(schema), 0, '()')}\n"


class _Names:
    """Finds what `$ref` names within one schema."""

    def __init__(self, schema: dict[str, Any]) -> None:
        named = (schema.get(key) for key in ("definitions", "$defs"))
        self.schemas = {name: one for found in named for name, one in (found or {}).items()}

    def find(self, schema: dict[str, Any]) -> Any:
        return self.schemas.get(str(schema.get("$ref", "")).rpartition("/")[2], schema)


def _fields(schema: dict[str, Any], names: _Names, depth: int, brackets: str) -> str:
    properties = schema.get("properties", {})
    required = schema.get("required", ())
    told = [
        f"{name}{'' if name in required else '?'}: {_type(inner, names, depth)}{_note(inner)}"
        for name, inner in properties.items()
    ]
    return brackets[0] + ", ".join(told) + brackets[1]


def _note(schema: Any) -> str:
    described = schema.get("description") if isinstance(schema, dict) else None
    return f", {' '.join(described.split())}" if isinstance(described, str) else ""


def _type(schema: Any, names: _Names, depth: int) -> str:
    if not isinstance(schema, dict):
        return "any"
    schema = names.find(schema)
    if "const" in schema or "enum" in schema:
        return " | ".join(_json(value) for value in schema.get("enum", [schema.get("const")]))
    for key in ("anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(key), list) and depth < DEEPEST:
            return " | ".join(_type(one, names, depth + 1) for one in schema[key])
    kind = schema.get("type", "any")
    if kind == "array" and depth < DEEPEST:
        return f"[{_type(schema.get('items'), names, depth + 1)}]"
    if kind == "object" and "properties" in schema and depth < DEEPEST:
        return _fields(schema, names, depth + 1, "{}")
    return " | ".join(map(str, kind)) if isinstance(kind, list) else str(kind)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
