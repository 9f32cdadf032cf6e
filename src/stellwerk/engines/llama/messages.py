"""A conversation as this engine works with it, out of the messages of a request.

Calls and their results are put together, and can be told in two ways: in the form of the model's
own template, or in plain turns for models that do not follow that form.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from stellwerk.base.errors import InvalidRequestError
from stellwerk.base.ids import new_id
from stellwerk.wire.messages import (
    AssistantMessage,
    FunctionMessage,
    ImagePart,
    Message,
    Part,
    RefusalPart,
    TextPart,
    ToolMessage,
    UserMessage,
)

Role = Literal["system", "user", "assistant"]


class UnsupportedContentError(InvalidRequestError):
    """The model takes text, and a message holds something else."""

    code = "unsupported_content"


class UnknownCallError(InvalidRequestError):
    """A tool's result answers a call that nobody made."""

    code = "invalid_tool_call_id"


class UnansweredCallError(InvalidRequestError):
    """A call in the conversation has no result."""

    code = "missing_tool_result"


@dataclass(slots=True)
class Seen:
    """A picture: where it stands in the words, in characters, and where it came from."""

    at: int
    url: str
    detail: str | None
    param: str


@dataclass(slots=True)
class Said:
    """Someone's words, and pictures among them."""

    role: Role
    text: str
    pictures: list[Seen] = field(default_factory=list)


@dataclass(slots=True)
class Called:
    """A function that was called, with its result."""

    id: str
    name: str
    arguments: str
    result: str | None = None


Line = Said | Called

# The form of the control tokens of ChatML, Llama 3, Phi and others.
CONTROL = re.compile(r"<(?=\|[^|<>\s]{1,64}\|>)")


def read(messages: Sequence[Message], *, sees: bool = False) -> list[Line]:
    """Raises `InvalidRequestError` that names the message which does not fit.

    `sees`: the model takes pictures, from the user.
    """
    lines: list[Line] = []
    for number, message in enumerate(messages):
        _add(lines, message, f"messages[{number}]", sees=sees)
    for line in lines:
        if isinstance(line, Called) and line.result is None:
            raise UnansweredCallError(
                f"The call {line.id!r} of {line.name} has no result: after an assistant's message "
                "with `tool_calls` give a message of role `tool` for each of them.",
                param="messages",
            )
    return lines


def has_pictures(lines: Iterable[Line]) -> bool:
    return any(isinstance(line, Said) and line.pictures for line in lines)


def _add(lines: list[Line], message: Message, place: str, *, sees: bool) -> None:
    match message:
        case ToolMessage():
            _find(lines, message.tool_call_id, place).result = _text(message.content, place)
        case FunctionMessage():
            lines.append(Called("", message.name, "", _text(message.content, place)))
        case AssistantMessage():
            text = _text(message.content, place) or message.refusal or ""
            if text or not message.tool_calls:
                lines.append(Said("assistant", text))
            lines += [
                Called(call.id, call.function.name, call.function.arguments)
                for call in message.tool_calls or ()
            ]
        case UserMessage():
            lines.append(_asked(message.content, place) if sees else _told(message.content, place))
        case _:
            lines.append(Said("system", _text(message.content, place)))


def _find(lines: list[Line], call_id: str, place: str) -> Called:
    for line in reversed(lines):
        if isinstance(line, Called) and line.id == call_id and line.result is None:
            return line
    raise UnknownCallError(
        f"`{place}.tool_call_id` is {call_id!r}, but no earlier assistant's message has an open "
        "call of that id in `tool_calls`.",
        param=f"{place}.tool_call_id",
    )


def _told(content: str | list[Part], place: str) -> Said:
    return Said("user", _text(content, place))


def _asked(content: str | list[Part], place: str) -> Said:
    """What a user says and shows."""
    if isinstance(content, str):
        return _told(content, place)
    said = Said("user", "")
    for number, part in enumerate(content):
        if isinstance(part, ImagePart):
            image, param = part.image_url, f"{place}.content[{number}].image_url.url"
            said.pictures.append(Seen(len(said.text), image.url, image.detail, param))
        else:
            text = _defused(_part(part, f"{place}.content[{number}]"))
            said.text += f"\n{text}" if said.text else text
    return said


def _text(content: str | list[Part] | None, place: str) -> str:
    if content is None or isinstance(content, str):
        return _defused(content or "")
    parts = (_part(part, f"{place}.content[{i}]") for i, part in enumerate(content))
    return _defused("\n".join(parts))


def _defused(text: str) -> str:
    """`text` whose `<|im_end|>` is text: whoever wrote it may not speak for another role.

    llama.cpp reads what looks like a control token as one, wherever it stands.
    """
    return CONTROL.sub("<\u200c", text)


def _part(part: Part, place: str) -> str:
    if isinstance(part, TextPart):
        return part.text
    if isinstance(part, RefusalPart):
        return part.refusal
    kind = str(part.__struct_config__.tag)
    takes = {"image_url": "images", "input_audio": "sound", "file": "files"}[kind]
    raise UnsupportedContentError(
        f"`{place}` is of type {kind!r}, but this model takes no {takes}, only text.", param=place
    )


def plain(lines: Iterable[Line]) -> list[dict[str, Any]]:
    """Template messages without calls: a result becomes part of the user's turn before it."""
    told: list[dict[str, Any]] = []
    results: list[Called] = []
    for line in _system_first(lines):
        if isinstance(line, Called):
            results.append(line)
            continue
        _tell_results(told, results)
        _say(told, line)
    _tell_results(told, results)
    return told


def _say(told: list[dict[str, Any]], line: Said) -> None:
    """Neighbouring messages of the assistant become one: templates take no two in a row."""
    last = told[-1] if told else {}
    if line.role == last.get("role") == "assistant" and "tool_calls" not in last:
        last["content"] += "\n\n" + line.text
    else:
        told.append({"role": line.role, "content": _content(line)})


def _content(line: Said) -> str | list[dict[str, Any]]:
    """The words; as parts, with the pictures between them, where there are any."""
    if not line.pictures:
        return line.text
    parts: list[dict[str, Any]] = []
    start = 0
    for picture in line.pictures:
        if text := line.text[start : picture.at].strip("\n"):
            parts.append({"type": "text", "text": text})
        parts.append({"type": "image_url", "image_url": {"url": picture.url}})
        start = picture.at
    if text := line.text[start:].strip("\n"):
        parts.append({"type": "text", "text": text})
    return parts


def _tell_results(told: list[dict[str, Any]], results: list[Called]) -> None:
    if not results:
        return
    texts = [f"{one.name} {one.arguments} returned:\n{one.result}" for one in results]
    if not told or told[-1]["role"] != "user":
        told.append({"role": "user", "content": ""})
    texts.append("Answer my question with this result.")
    before = told[-1]["content"]
    if isinstance(before, list):
        before.append({"type": "text", "text": "\n\n".join(texts)})
    else:
        told[-1]["content"] = "\n\n".join(text for text in (before, *texts) if text)
    results.clear()


def native(lines: Iterable[Line]) -> list[dict[str, Any]]:
    """Template messages with calls and results in the template's own form."""
    told: list[dict[str, Any]] = []
    results: list[Called] = []
    for line in _system_first(lines):
        if isinstance(line, Called):
            if not results:
                _open_calls(told)
            told[-1]["tool_calls"].append(_call(line))
            results.append(line)
            continue
        _close_calls(told, results)
        _say(told, line)
    _close_calls(told, results)
    return told


def _open_calls(told: list[dict[str, Any]]) -> None:
    if not told or told[-1]["role"] != "assistant":
        told.append({"role": "assistant", "content": ""})
    told[-1]["tool_calls"] = []


def _call(line: Called) -> dict[str, Any]:
    line.id = line.id or new_id("call_")
    function = {"name": line.name, "arguments": line.arguments or "{}"}
    return {"id": line.id, "type": "function", "function": function}


def _close_calls(told: list[dict[str, Any]], results: list[Called]) -> None:
    told += [
        {"role": "tool", "tool_call_id": one.id, "name": one.name, "content": one.result or ""}
        for one in results
    ]
    results.clear()


def _system_first(lines: Iterable[Line]) -> list[Line]:
    """The conversation with its leading system messages as one: templates expect one or none."""
    listed = list(lines)
    leading = 0
    while leading < len(listed) and _is_system(listed[leading]):
        leading += 1
    if leading < 2:
        return listed
    texts = [line.text for line in listed[:leading] if isinstance(line, Said)]
    return [Said("system", "\n\n".join(texts)), *listed[leading:]]


def _is_system(line: Line) -> bool:
    return isinstance(line, Said) and line.role == "system"
