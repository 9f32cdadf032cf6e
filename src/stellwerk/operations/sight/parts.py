"""Where pictures stand in a body, and how others are put in their place."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from stellwerk.features.files.types import FILE_ID
from stellwerk.operations.body import Fields

KEY = b"image_url"
# A part of a response's input may name a file instead.
FILED = b"input_image"
# A letter of the key may be written as an escape; so are others, by some encoders.
HIDDEN = b"\\u00"
HIDDEN_LETTER = re.compile(rb"\\u00[2-7]")
# Nobody's parts lie deeper.
DEEPEST = 24
# The fields that hold a conversation, and what each calls a part with a text.
TEXTS = {"messages": "text", "input": "input_text"}

_raws = msgspec.json.Decoder(list[msgspec.Raw])


def may_hold(body: bytes) -> bool:
    """Whether a picture may be in it. To say no takes well under a microsecond."""
    return (
        KEY in body or FILED in body or (HIDDEN in body and HIDDEN_LETTER.search(body) is not None)
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """A part with a picture. `param` is where its address stands, `node` is all of the part.

    `file_id` names a file of this hub; then there is no `url`. One of an upstream's own stays.
    """

    param: str
    url: str
    detail: str | None
    node: dict[str, Any]
    file_id: str | None = None

    @property
    def place(self) -> tuple[str, str | None]:
        """Where the picture comes from: the same for parts that show the same one."""
        return self.url, self.file_id

    def put(self, url: str) -> None:
        """Another address for the same picture."""
        if self.file_id is not None:
            del self.node["file_id"]
        given = self.node.get(KEY.decode())
        self.node[KEY.decode()] = {**given, "url": url} if isinstance(given, dict) else url

    def tell(self, kind: str, text: str) -> None:
        """A text in its place; `kind` is what a text part is called there."""
        self.node.clear()
        self.node.update({"type": kind, "text": text})


@dataclass(frozen=True, slots=True)
class Conversation:
    """The messages of a body, decoded as far as pictures may be in them."""

    name: str
    messages: Sequence[Any]
    shown: Sequence[Shown]

    @classmethod
    def of(cls, fields: Fields) -> "Conversation | None":
        """None for a body without pictures, or without messages in a form that is known."""
        name = next((one for one in TEXTS if one in fields), None)
        if name is None:
            return None
        try:
            raws = _raws.decode(fields[name])
        except msgspec.MsgspecError:
            # `input` may be a text; what else is no list is refused by whoever reads all of it.
            return None
        messages = [msgspec.json.decode(raw) if may_hold(bytes(raw)) else raw for raw in raws]
        shown = [
            one
            for number, message in enumerate(messages)
            for one in _walk(message, f"{name}[{number}]", 0)
        ]
        return cls(name, messages, shown) if shown else None

    @property
    def text_kind(self) -> str:
        return TEXTS[self.name]

    def put_into(self, fields: Fields) -> Fields:
        """The fields with this conversation."""
        return {**fields, self.name: msgspec.Raw(msgspec.json.encode(self.messages))}


def _walk(node: Any, place: str, depth: int) -> Iterator[Shown]:
    if depth > DEEPEST:
        return
    if isinstance(node, list):
        for number, one in enumerate(node):
            yield from _walk(one, f"{place}[{number}]", depth + 1)
    elif isinstance(node, dict):
        found = _shown(node, place)
        if found is not None:
            yield found
            return
        for name, one in node.items():
            yield from _walk(one, f"{place}.{name}", depth + 1)


def _shown(node: dict[str, Any], place: str) -> Shown | None:
    given = node.get(KEY.decode())
    if isinstance(given, str):
        detail = node.get("detail")
        return Shown(f"{place}.image_url", given, _text(detail), node)
    if isinstance(given, dict) and isinstance(given.get("url"), str):
        return Shown(f"{place}.image_url.url", given["url"], _text(given.get("detail")), node)
    file_id = _text(node.get("file_id")) or ""
    if given is None and node.get("type") == FILED.decode() and FILE_ID.fullmatch(file_id):
        return Shown(f"{place}.file_id", "", _text(node.get("detail")), node, file_id)
    return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
