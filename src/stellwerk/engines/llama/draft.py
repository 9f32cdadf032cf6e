"""A call while it is being written: `NAME {"argument": ...}`, held back until it can stand."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from stellwerk.base.ids import new_id
from stellwerk.engines.llama.messages import Called
from stellwerk.wire.tools import Function

# Longer arguments go out while they are written; what is wrong with a call shows before that.
HELD = 300
# A value that is a text, as far as arguments are written.
TEXT_VALUE = re.compile(r'"(\w+)": ("(?:[^"\\]|\\.)*")')


@dataclass(slots=True)
class Draft:
    """The call of one step, or none.

    `earlier` are calls that must not come again, `known` is all that was said (in lower case). A
    call that is `checked` is refused if it repeats one, or if a value of it is not the user's but
    the schema's own example; `missing` names the field then.
    """

    functions: Sequence[Function]
    earlier: Sequence[Called]
    known: str
    checked: bool
    text: str = ""
    name: str = ""
    sent: int = 0
    missing: str = ""
    refused: bool = False
    id: str = field(default_factory=lambda: new_id("call_"))

    @property
    def arguments(self) -> str:
        return self.text.strip()[len(self.name) :].strip()

    @property
    def function(self) -> Function | None:
        return next((one for one in self.functions if one.name == self.name), None)

    def feed(self, piece: str, *, complete: bool) -> Iterator[str]:
        """Take the next piece of text; give that of the arguments which may be sent now."""
        self.text += piece
        self.name = self.name or _first_word(self.text)
        arguments = self.arguments
        if self.function is None or self.refused or not arguments:
            return
        if self.checked and not self.sent:
            if len(arguments) < HELD and not complete:
                return
            self._check(arguments)
            if self.refused:
                return
        new, self.sent = arguments[self.sent :], len(arguments)
        if new:
            yield new

    def _check(self, arguments: str) -> None:
        if any(self._repeats(one, arguments) for one in self.earlier):
            self.refused = True
        else:
            self.missing = self._invented(arguments)
            self.refused = bool(self.missing)

    def _repeats(self, earlier: Called, arguments: str) -> bool:
        """Whether a call of the same function had the same required arguments, or all of them.

        A small model that goes on calling only varies what it may leave out.
        """
        if earlier.name != self.name:
            return False
        old, new = _object(earlier.arguments), _object(arguments)
        required = [name for name in self._schema.get("required", ()) if name in new]
        return all(old.get(name) == new[name] for name in required or new)

    @property
    def _schema(self) -> dict[str, Any]:
        return (self.function.parameters if self.function else None) or {}

    def _invented(self, arguments: str) -> str:
        schema = self._schema
        for name, quoted in TEXT_VALUE.findall(arguments):
            inner = schema.get("properties", {}).get(name)
            if name in schema.get("required", ()) and _is_free_text(inner):
                value = _read(quoted).casefold()
                if value and value not in self.known and value in _told_by(inner):
                    return str(name)
        return ""


def _object(text: str) -> dict[str, Any]:
    """The arguments, as far as they are written."""
    try:
        read = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {"": text}
    return read if isinstance(read, dict) else {"": text}


def _read(quoted: str) -> str:
    """A JSON text's value; empty for one that is none, such as half a surrogate pair."""
    try:
        return str(msgspec.json.decode(quoted))
    except msgspec.DecodeError:
        return ""


def _first_word(text: str) -> str:
    """The name, once the blank behind it is there."""
    word, blank, _ = text.lstrip().partition(" ")
    return word if blank else ""


def _is_free_text(schema: Any) -> bool:
    return (
        isinstance(schema, dict)
        and schema.get("type") == "string"
        and not {"enum", "const", "default"} & schema.keys()
    )


def _told_by(schema: dict[str, Any]) -> str:
    told = (schema.get(key, "") for key in ("description", "example", "examples"))
    return " ".join(map(str, told)).casefold()
