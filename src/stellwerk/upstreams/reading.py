"""What is read from, and changed in, an answer on its way: usage and the model's name.

The bytes of an answer are passed on as they are but for two things: the name that the caller used
goes where the target wrote its own, and the usage that only the hub asked for is taken out.
"""

import re
from contextlib import suppress

import msgspec

from stellwerk.ports.sink import TOLD_USAGE, Head

# A chunk that holds more than null; with `include_usage`, all chunks before it may hold null.
USAGE = re.compile(rb'"usage"\s*:\s*\{')
MODEL = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')
# Without an event's end in so many bytes it is no event stream; it goes on as it comes.
LONGEST_EVENT = 2**20
MOST_TOKENS = 2**31 - 1
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _Details(msgspec.Struct):
    cached_tokens: int | None = None


class Usage(msgspec.Struct):
    """The names of chat and completions, and those of responses."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    input_tokens_details: _Details | None = None
    seconds: float | None = None


class _Answer(msgspec.Struct):
    model: str | None = None
    usage: Usage | None = None


class _Event(msgspec.Struct):
    model: str | None = None
    choices: list[msgspec.Raw] | None = None
    usage: Usage | None = None
    response: _Answer | None = None


_answer = msgspec.json.Decoder(_Answer)
_event = msgspec.json.Decoder(_Event)
_usage = msgspec.json.Decoder(Usage)


class Tokens:
    """Tokens of one call. `known`: the target said so; else they are estimated."""

    __slots__ = ("cached", "completion", "images", "known", "prompt", "seconds")

    def __init__(self, prompt: int = 0) -> None:
        self.prompt, self.cached, self.completion, self.known = prompt, 0, 0, False
        # Pictures made, and seconds of sound understood: few calls have either.
        self.images = self.seconds = 0

    def take(self, usage: Usage) -> None:
        details = usage.prompt_tokens_details or usage.input_tokens_details
        self.completion = _bounded(usage.completion_tokens or usage.output_tokens)
        prompt = usage.prompt_tokens or usage.input_tokens
        if prompt is None and usage.total_tokens is not None:
            # As servers of rerank models may say it.
            prompt = usage.total_tokens - self.completion
        self.prompt = _bounded(prompt)
        if details is not None:
            self.cached = min(_bounded(details.cached_tokens), self.prompt)
        self.known = True
        if usage.seconds:
            self.seconds = _bounded(round(usage.seconds))


def _bounded(count: int | None) -> int:
    """A server may claim any number, and what it claims is summed up and paid."""
    return count if count is not None and 0 <= count <= MOST_TOKENS else _clipped(count)


def _clipped(count: int | None) -> int:
    return max(0, min(count or 0, MOST_TOKENS))


def read_whole(body: bytes, shown: str, tokens: Tokens) -> bytes:
    """Take the usage from an answer in one piece; give the answer with the name `shown`."""
    try:
        answer = _answer.decode(body)
    except UNREADABLE:
        return body
    if answer.usage is not None:
        tokens.take(answer.usage)
    if answer.model is None or answer.model == shown:
        return body
    named = msgspec.json.encode(answer.model)
    start = body.find(b'"model":' + named)
    if start >= 0:
        # As most servers write it; a quote within a text has a backslash before it.
        start += len(b'"model":')
        return b"".join((body[:start], msgspec.json.encode(shown), body[start + len(named) :]))
    for found in MODEL.finditer(body):
        # A tool in the answer may have a model of its own, and stand before it.
        if found[1].replace(b"\\/", b"/") == named:
            start, end = found.span(1)
            return body[:start] + msgspec.json.encode(shown) + body[end:]
    return body


def read_header(head: Head, tokens: Tokens) -> None:
    """Take the usage of an answer that is no JSON from its head, if it stands there."""
    for name, value in head.headers:
        if name == TOLD_USAGE:
            with suppress(*UNREADABLE):
                tokens.take(_usage.decode(value))


class EventReader:
    """Takes the pieces of an event stream; gives whole events.

    With `hide_usage`, an event that only tells the usage is left out.
    """

    __slots__ = ("_hide_usage", "_new", "_old", "_rest", "_shown", "_tokens", "events")

    def __init__(self, shown: str, tokens: Tokens, *, hide_usage: bool) -> None:
        self._tokens = tokens
        self._hide_usage = hide_usage
        self._shown = shown
        self._rest = b""
        self._old: bytes | None = None
        self._new = b""
        self.events = 0

    def feed(self, chunk: bytes) -> bytes:
        if self._rest:
            chunk = self._rest + chunk
            self._rest = b""
        if not chunk.endswith(b"\n\n"):
            chunk = self._whole(chunk)
        # Even one event has a token or more; a sum of events is a fair guess where none is told.
        self.events += chunk.count(b"\ndata:") + chunk.startswith(b"data:")
        # A plain search first: most chunks have no usage, and few targets send null for it.
        if b'"usage"' in chunk:
            chunk = self._without_usage(chunk, USAGE.search(chunk))
        if self._old is None:
            self._learn(chunk)
        if self._old:
            chunk = chunk.replace(self._old, self._new)
        return chunk

    def rest(self) -> bytes:
        """What followed the last whole event, at the end of a stream that was not cut."""
        rest, self._rest = self._rest, b""
        return rest

    def _whole(self, chunk: bytes) -> bytes:
        end = max(chunk.rfind(b"\n\n") + 2, chunk.rfind(b"\n\r\n") + 3)
        # rfind gives -1 where there is none.
        if end <= 2:
            end = 0 if len(chunk) < LONGEST_EVENT else len(chunk)
        self._rest = chunk[end:]
        return chunk[:end]

    def _learn(self, chunk: bytes) -> None:
        """How the target writes its name is seen in its first event that has one."""
        found = MODEL.search(chunk)
        if found is None:
            return
        told = _told(chunk[slice(*_event_around(chunk, found.start()))])
        own = told.model or (told.response.model if told.response else None)
        if own is not None:
            shown = msgspec.json.encode(self._shown)
            self._new = b'"model":' + shown
            self._old = b"" if own == self._shown else _spelling(chunk, own)

    def _without_usage(self, chunk: bytes, found: re.Match[bytes] | None) -> bytes:
        """Take the usage that stands in `chunk`, and leave out the events that are only for it."""
        while found:
            start, end = _event_around(chunk, found.start())
            if self._only_usage(chunk[start:end]):
                chunk = chunk[:start] + chunk[end:]
                end = start
            found = USAGE.search(chunk, end)
        return chunk

    def _only_usage(self, event: bytes) -> bool:
        """Take the usage of an event. Whether it is to be left out."""
        told = _told(event)
        usage = told.usage or (told.response.usage if told.response else None)
        if usage is not None:
            self._tokens.take(usage)
        return self._hide_usage and told.choices == [] and told.response is None


class Passing:
    """In the place of an `EventReader`, for an answer that nobody reads on its way: sound."""

    __slots__ = ()
    events = 0

    def feed(self, chunk: bytes) -> bytes:
        return chunk

    def rest(self) -> bytes:
        return b""


def _told(event: bytes) -> _Event:
    """What an event says; nothing, if it cannot be read."""
    data = b"".join(line[5:] for line in event.splitlines() if line.startswith(b"data:"))
    try:
        return _event.decode(data)
    except UNREADABLE:
        return _Event()


def _spelling(chunk: bytes, model: str) -> bytes:
    """The key and the value, as the target writes them for its own name; empty if unknown."""
    named = msgspec.json.encode(model)
    for found in MODEL.finditer(chunk):
        if found[1].replace(b"\\/", b"/") == named:
            return found[0]
    return b""


def _event_around(chunk: bytes, place: int) -> tuple[int, int]:
    """Where the event that holds `place` begins and ends (behind its empty line)."""
    start = max(chunk.rfind(b"\n\n", 0, place) + 2, chunk.rfind(b"\n\r\n", 0, place) + 3)
    ends = [chunk.find(b"\n\n", place) + 2, chunk.find(b"\n\r\n", place) + 3]
    # What is not found gives less than `place`.
    return (start if start > 2 else 0), min([end for end in ends if end > place] or [len(chunk)])
