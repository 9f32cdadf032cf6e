"""What is read from painted pictures on their way: how many there are, and what they took."""

import re

import msgspec

from stellwerk.upstreams.reading import UNREADABLE, Tokens, Usage

# A picture in base64, some of which write `/` as `\/`; nothing else in an answer is as long.
LONG = re.compile(rb"[A-Za-z0-9+/=\\]{128,}")
EVENT_END = re.compile(rb"\r?\n\r?\n")
# What is left of an event without its picture is small; else it is no event stream.
LONGEST_REST = 2**20
DONE = ".completed"


class _Event(msgspec.Struct):
    type: str = ""
    usage: Usage | None = None


class _Answer(msgspec.Struct):
    data: list[msgspec.Raw]


_event = msgspec.json.Decoder(_Event)
_answer = msgspec.json.Decoder(_Answer)


class PaintedReader:
    """Gives the pieces of an event stream of pictures on as they come, and counts the pictures.

    An event may hold megabytes; all of it but the picture is kept until its end.
    """

    __slots__ = ("_rest", "_tokens")
    # They are no tokens.
    events = 0

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._rest = b""

    def feed(self, chunk: bytes) -> bytes:
        *whole, rest = EVENT_END.split(self._rest + LONG.sub(b"", chunk))
        for event in whole:
            self._take(event)
        self._rest = rest if len(rest) < LONGEST_REST else b""
        return chunk

    def rest(self) -> bytes:
        """Nothing is held back."""
        return b""

    def _take(self, event: bytes) -> None:
        data = b"".join(line[5:] for line in event.splitlines() if line.startswith(b"data:"))
        try:
            told = _event.decode(data)
        except UNREADABLE:
            return
        self._tokens.images += told.type.endswith(DONE)
        if told.usage is not None:
            self._tokens.take(told.usage)


def painted(body: bytes) -> int | None:
    """How many pictures are in an answer; None where it is something else."""
    try:
        return len(_answer.decode(body).data)
    except UNREADABLE:
        return None
