"""Tool calls: on a small model that can be right, and on a tiny one that is only led."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.engines.llama.conftest import Client, Stream, user

CHAT = "/v1/chat/completions"
HERE = Path(__file__).parent
RULE = {
    "role": "system",
    "content": "Don't make assumptions about what values to plug into functions. "
    "Ask for clarification if a user request is ambiguous.",
}
HAMBURG = user("What's the weather like today in Hamburg")


@dataclass
class Prompts:
    tools: list[dict[str, Any]]
    prompts: list[dict[str, Any]]

    @classmethod
    def of(cls, name: str) -> "Prompts":
        read = json.loads((HERE / name).read_text("utf-8"))
        return cls(read["tools"], read["prompts"])


THREE = Prompts.of("prompts_three_tools.json")
WEATHER = THREE.tools[:1]


def calls(answer: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    (choice,) = answer["choices"]
    asked = choice["message"].get("tool_calls", [])
    if choice["finish_reason"] == "length":
        return [(one["function"]["name"], {}) for one in asked]
    assert (choice["finish_reason"] == "tool_calls") == bool(asked)
    return [(one["function"]["name"], json.loads(one["function"]["arguments"])) for one in asked]


def is_right(prompt: dict[str, Any], made: list[tuple[str, dict[str, Any]]]) -> bool:
    if prompt["call"] is None or len(made) != 1:
        return prompt["call"] is None and not made
    name, arguments = made[0]
    return name == prompt["call"] and all(
        _matches(wanted, arguments.get(key)) for key, wanted in prompt["arguments"].items()
    )


def _matches(wanted: Any, given: Any) -> bool:
    if isinstance(wanted, str):
        return isinstance(given, str) and wanted.casefold() in given.casefold()
    return bool(wanted == given)


async def score(client: Client, prompts: Prompts) -> tuple[int, list[str]]:
    """How many are right, and the texts of those that are wrong."""
    wrong = []
    for prompt in prompts.prompts:
        # Enough for a call; of an answer without one only its first words are needed.
        limit = 64 if prompt["call"] else 4
        answer = await client.chat(user(prompt["text"]), tools=prompts.tools, max_tokens=limit)
        if not is_right(prompt, calls(answer)):
            wrong.append(prompt["text"])
    return len(prompts.prompts) - len(wrong), wrong


async def test_three_of_four_prompts_are_right(coder: Client) -> None:
    right, wrong = await score(coder, Prompts(THREE.tools, THREE.prompts[::3]))
    assert right >= 3, wrong


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_ten_of_twelve_prompts_are_right(coder: Client) -> None:
    right, wrong = await score(coder, THREE)
    assert right >= 10, wrong


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_most_prompts_with_other_tools_are_right(coder: Client) -> None:
    right, wrong = await score(coder, Prompts.of("prompts_five_tools.json"))
    assert right >= 24, wrong


async def check_weather(client: Client, **fields: Any) -> dict[str, Any]:
    answer = await client.chat(RULE, HAMBURG, tools=WEATHER, **fields)
    ((name, arguments),) = calls(answer)
    assert name == "get_current_weather"
    assert "Hamburg" in arguments["location"]
    assert arguments["format"] in {"celsius", "fahrenheit"}
    assert answer["choices"][0]["message"]["content"] is None
    return answer


async def test_the_weather_is_asked_for_and_told_from_the_result(coder: Client) -> None:
    answer = await check_weather(coder)
    message = answer["choices"][0]["message"]
    result = {
        "role": "tool",
        "tool_call_id": message["tool_calls"][0]["id"],
        "content": '{"temperature": 12, "unit": "celsius", "condition": "light rain"}',
    }
    told = await coder.chat(RULE, HAMBURG, message, result, tools=WEATHER)
    assert calls(told) == []
    text = told["choices"][0]["message"]["content"]
    assert "rain" in text
    assert "Hamburg" in text
    again = user("And in Berlin?")
    said = {"role": "assistant", "content": text}
    more = await coder.chat(RULE, HAMBURG, message, result, said, again, tools=WEATHER)
    ((name, arguments),) = calls(more)
    assert (name, arguments["location"]) == ("get_current_weather", "Berlin")


@pytest.mark.long
async def test_no_seed_brings_invented_weather(coder: Client) -> None:
    for seed in range(20):
        await check_weather(coder, seed=seed)


async def test_a_place_that_nobody_named_is_asked_for(coder: Client) -> None:
    answer = await coder.chat(RULE, user("What's the weather like today?"), tools=WEATHER)
    assert calls(answer) == []
    text = answer["choices"][0]["message"]["content"]
    assert text.startswith("Which location")
    assert text.endswith("?")


async def test_two_places_are_two_calls_unless_one_is_wanted(coder: Client) -> None:
    both = user("How is the weather in Rome and in Paris?")
    answer = await coder.chat(both, tools=WEATHER)
    assert [arguments["location"] for _, arguments in calls(answer)] == ["Rome", "Paris"]
    ids = [one["id"] for one in answer["choices"][0]["message"]["tool_calls"]]
    assert len(set(ids)) == 2
    one = await coder.chat(both, tools=WEATHER, parallel_tool_calls=False)
    assert len(calls(one)) == 1


async def test_a_streamed_call_comes_in_pieces(coder: Client) -> None:
    stream = await coder.stream(
        CHAT, messages=[RULE, HAMBURG], tools=WEATHER, stream_options={"include_usage": True}
    )
    assert stream.done
    first, *pieces = deltas(stream)
    assert (first["index"], first["type"], first["function"]["arguments"]) == (0, "function", "")
    assert first["id"].startswith("call_")
    assert first["function"]["name"] == "get_current_weather"
    assert all(piece.keys() == {"index", "function"} for piece in pieces)
    joined = "".join(piece["function"]["arguments"] for piece in pieces)
    assert json.loads(joined)["location"] == "Hamburg"
    assert stream.choices[0]["delta"]["role"] == "assistant"
    assert stream.choices[-1]["finish_reason"] == "tool_calls"
    assert stream.events[-1]["usage"]["completion_tokens"] > 5


def deltas(stream: Stream) -> list[dict[str, Any]]:
    return [one for choice in stream.choices for one in choice["delta"].get("tool_calls", [])]


NOTE: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "take_note",
        "parameters": {
            "type": "object",
            "properties": {
                "text": {"type": "string", "maxLength": 40},
                "kind": {"enum": ["idea", "task"]},
                "tags": {
                    "type": "array",
                    "items": {"type": "string", "maxLength": 8},
                    "minItems": 1,
                    "maxItems": 2,
                },
            },
            "required": ["text", "kind", "tags"],
        },
    },
}
NOW: dict[str, Any] = {"type": "function", "function": {"name": "now"}}


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "take_note"}}]
)
async def test_even_a_tiny_model_makes_a_valid_call_when_it_must(tiny: Client, choice: Any) -> None:
    answer = await tiny.chat(
        user("Note that we need milk."),
        tools=[NOTE] if choice == "required" else [NOW, NOTE],
        tool_choice=choice,
        parallel_tool_calls=False,
    )
    ((name, arguments),) = calls(answer)
    assert name == "take_note"
    jsonschema.validate(arguments, NOTE["function"]["parameters"])


async def test_only_allowed_tools_are_called(tiny: Client) -> None:
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "now"}}]}
    answer = await tiny.chat(
        user("Note that we need milk."),
        tools=[NOTE, NOW],
        tool_choice={"type": "allowed_tools", "allowed_tools": allowed},
    )
    assert calls(answer) == [("now", {})]


async def test_no_choice_is_no_call(tiny: Client) -> None:
    answer = await tiny.chat(user("Hi"), tools=[NOTE], tool_choice="none", max_tokens=4)
    assert calls(answer) == []


async def test_a_call_that_is_too_long_is_cut(tiny: Client) -> None:
    answer = await tiny.chat(user("Hi"), tools=[NOTE], tool_choice="required", max_tokens=6)
    (choice,) = answer["choices"]
    assert choice["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] <= 6 + 1


async def test_results_are_read_without_tools_too(tiny: Client) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    answer = await tiny.chat(
        user("What time is it?"),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "It is noon."},
        max_tokens=8,
    )
    assert answer["choices"][0]["message"]["content"]
    assert answer["usage"]["prompt_tokens"] > 40
