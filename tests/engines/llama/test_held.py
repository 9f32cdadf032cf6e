import json
from typing import Any

import pytest
from msgspec import Raw

from stellwerk.engines.llama.held import Held
from stellwerk.engines.llama.native_chunk import NativeChoice
from stellwerk.wire.chat import FinishReason
from stellwerk.wire.tools import Function

WEATHER = Function(
    name="get_weather",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
)
ROME = '{"name": "get_weather", "arguments": {"city": "Rome"}}'


def sent(held: Held, *pieces: str, finish: FinishReason = "stop") -> list[dict[str, Any]]:
    """The deltas that go out for a native answer of these pieces."""
    role: dict[str, Any] = {"role": "assistant", "content": None}
    deltas = [role, *({"content": piece} for piece in pieces)]
    choices = [NativeChoice(delta=Raw(json.dumps(delta).encode())) for delta in deltas]
    choices.append(NativeChoice(finish_reason=finish))
    out = [one for choice in choices for one in held.pass_on(choice)]
    assert out[-1].finish_reason is not None
    return [json.loads(bytes(one.delta)) | {"finish": one.finish_reason} for one in out]


@pytest.mark.parametrize(
    "written",
    [
        ROME,
        f"```json\n{ROME}\n```",
        f"<tool_call>\n{ROME}\n</tool_call>",
        f"[{ROME}]",
        ROME.replace("arguments", "parameters"),
    ],
)
def test_a_call_written_as_text_is_a_call(written: str) -> None:
    call, end = sent(Held([WEATHER]), *written)
    assert call["tool_calls"][0]["function"] == {
        "name": "get_weather",
        "arguments": '{"city":"Rome"}',
    }
    assert end["finish"] == "tool_calls"


def test_several_calls_are_told_apart() -> None:
    call, _ = sent(Held([WEATHER]), ROME, "\n", ROME.replace("Rome", "Oslo"))
    assert [one["index"] for one in call["tool_calls"]] == [0, 1]


@pytest.mark.parametrize(
    "written",
    [
        '{"name": "unknown", "arguments": {}}',
        '{"name": "get_weather", "arguments": {"town": "Rome"}}',
        '{"city": "Rome"}',
        "{not JSON",
        "```json\n{}\n```\nThis is how.",
        "[1, 2]",
    ],
)
def test_text_that_only_looks_like_a_call_stays_text(written: str) -> None:
    deltas = sent(Held([WEATHER]), *written)
    assert "".join(delta.get("content") or "" for delta in deltas) == written
    assert deltas[-1]["finish"] == "stop"


def test_an_ordinary_answer_flows_after_its_first_word() -> None:
    deltas = sent(Held([WEATHER]), "It", " is", " warm")
    assert [delta.get("content") for delta in deltas] == ["It", " is", " warm", None]
    assert deltas[0]["role"] == "assistant"


def test_a_cut_call_is_no_call() -> None:
    deltas = sent(Held([WEATHER]), ROME[:-1], finish="length")
    assert deltas[0]["content"] == ROME[:-1]


def test_without_functions_nothing_is_held() -> None:
    assert len(sent(Held(()), *ROME)) == len(ROME) + 2
