"""Lines become rows of the queue; lines that a model can do in one call, one row."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec

from stellwerk.features.batches.types import InputLine, Line, Order

# (operation, name of a model) -> the model's id, and how many lines may be one call of it.
Together = Callable[[str, str], tuple[str, int]]

# Bytes of a row of several lines.
LARGEST = 32_768
EMBEDDINGS = "embeddings"

_input = msgspec.json.Decoder(InputLine)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text = msgspec.json.Decoder(str)


@dataclass(slots=True)
class Group:
    """Lines that go into one row. `place` is where the line after them begins."""

    model: str
    place: int
    lines: list[Line] = field(default_factory=list)
    kind: bytes | None = None
    size: int = 0

    def body(self) -> bytes:
        return msgspec.json.encode(Order(self.lines))


class Grouping:
    """Takes lines one by one, and gives a group when it is complete."""

    def __init__(self, operation: str, together: Together) -> None:
        self._operation = operation
        self._together = together
        self._group: Group | None = None

    def add(self, line: bytes, place: int) -> Iterator[Group]:
        """The group that this line ends, if it does. `place` is where the next line begins."""
        if not line:
            return
        read = _input.decode(line)
        fields = _fields.decode(read.body)
        model, most = self._together(self._operation, _text.decode(fields["model"]))
        kind = self._kind(fields, most)
        group = self._group
        if group is not None and not self._fits(group, kind, len(line), most):
            yield group
            group = None
        if group is None:
            group = self._group = Group(model, place, kind=kind)
        group.lines.append(Line(read.custom_id, read.body))
        group.size += len(line)
        group.place = place

    def rest(self) -> Group | None:
        """The last group, which nothing ended."""
        group, self._group = self._group, None
        return group

    @staticmethod
    def _fits(group: Group, kind: bytes | None, size: int, most: int) -> bool:
        return (
            kind is not None
            and kind == group.kind
            and group.size + size <= LARGEST
            and len(group.lines) < most
        )

    def _kind(self, fields: dict[str, msgspec.Raw], most: int) -> bytes | None:
        """Lines of one kind can be one call: all but the text is the same. None: it is alone."""
        if self._operation != EMBEDDINGS or most < 2:
            return None
        if not bytes(fields.get("input", msgspec.Raw(b"null"))).startswith(b'"'):
            return None
        rest = {name: value for name, value in fields.items() if name != "input"}
        return msgspec.json.encode(rest, order="sorted")
