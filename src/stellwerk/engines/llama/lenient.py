"""Calls that a model wrote as text, because it missed the form of its template."""

import re
from collections.abc import Sequence

import msgspec
from jsonschema import Draft202012Validator
from msgspec import Raw

from stellwerk.base.ids import new_id
from stellwerk.engines.llama.messages import Called
from stellwerk.wire.tools import Function

# How such a text begins; more of it tells them apart from an ordinary answer.
OPENINGS = ("{", "[", "```json", "<tool_call>")
WRAPPING = re.compile(r"<tool_call>|</tool_call>|```json|```")


class WrittenCall(msgspec.Struct):
    name: str
    arguments: Raw = Raw(b"")
    parameters: Raw = Raw(b"{}")


def may_be_calls(text: str) -> bool:
    """Whether a text that begins like this could be calls and nothing else."""
    begun = text.lstrip()
    return any(begun.startswith(one) or one.startswith(begun) for one in OPENINGS)


def written_calls(text: str, functions: Sequence[Function]) -> list[Called]:
    """The calls of known functions with valid arguments that `text` consists of; else none."""
    try:
        calls = [_call(one) for one in _objects(WRAPPING.sub("\n", text))]
    except msgspec.DecodeError:
        return []
    known = {function.name: function for function in functions}
    if all(call.name in known and _fits(call, known[call.name]) for call in calls):
        return calls
    return []


def _objects(text: str) -> list[WrittenCall]:
    if text.strip().startswith("["):
        return msgspec.json.decode(text.strip(), type=list[WrittenCall])
    pieces = re.split(r"(?<=\})\s*\n\s*(?=\{)", text.strip())
    return [msgspec.json.decode(piece, type=WrittenCall) for piece in pieces]


def _call(written: WrittenCall) -> Called:
    arguments = written.arguments or written.parameters
    value = msgspec.json.decode(arguments)
    told = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return Called(new_id("call_"), written.name, told)


def _fits(call: Called, function: Function) -> bool:
    validator = Draft202012Validator(function.parameters or {})
    return bool(validator.is_valid(msgspec.json.decode(call.arguments)))
