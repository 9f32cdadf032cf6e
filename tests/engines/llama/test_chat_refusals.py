"""Chats that cannot be honoured, and what is said about them."""

from typing import Any

import pytest

from tests.engines.llama.conftest import Client, user

CHAT = "/v1/chat/completions"
HI = user("hi")
FIND: dict[str, Any] = {"type": "function", "function": {"name": "find"}}


def tool(**parameters: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "find", "parameters": parameters}}


def form(schema: Any, **more: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, **more}}


@pytest.mark.parametrize(
    ("fields", "param", "said"),
    [
        ({"messages": []}, "messages", "length >= 1"),
        ({"messages": [{"role": "wizard", "content": ""}]}, "messages[0].role", "Use one of"),
        ({"temperature": 2.1}, "temperature", "<= 2"),
        ({"top_p": -0.1}, "top_p", ">= 0"),
        ({"n": 17}, "n", "at most 16"),
        ({"n": 129}, "n", "<= 128"),
        ({"presence_penalty": 3}, "presence_penalty", "<= 2"),
        ({"top_logprobs": 3}, "top_logprobs", "`logprobs`"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "<= 20"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop", "<= 4"),
        ({"logit_bias": {"12": 101}}, "logit_bias", "<= 100"),
        ({"logit_bias": {"hello": 1}}, "logit_bias", "from 0 to 49151"),
        ({"logit_bias": {"49152": 1}}, "logit_bias", "from 0 to 49151"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "`stream`"),
        ({"modalities": ["text", "audio"]}, "modalities", "text"),
        ({"audio": {"voice": "a"}}, "audio", "cannot speak"),
        ({"web_search_options": {}}, "web_search_options", "cannot search"),
        ({"functions": [{"name": "f"}]}, "functions", "tools"),
        ({"function_call": "auto"}, "function_call", "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice", "needs `tools`"),
        (
            {
                "tools": [FIND],
                "tool_choice": {"type": "function", "function": {"name": "look"}},
            },
            "tool_choice.function.name",
            "It has: find",
        ),
        (
            {
                "tools": [FIND],
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {
                        "mode": "auto",
                        "tools": [{"type": "function", "function": {"name": "look"}}],
                    },
                },
            },
            "tool_choice.allowed_tools.tools[0].function.name",
            "'look'",
        ),
        ({"tools": [FIND, FIND]}, "tools[1].function.name", "a name of its own"),
        ({"tools": [tool(type="array")]}, "tools[0].function.parameters", "of an object"),
        (
            {"tools": [FIND | {"function": {"name": "two words"}}]},
            "tools[0].function.name",
            "matching regex",
        ),
        (
            {"tools": [tool(type="object", properties={"a": {"type": "text"}})]},
            "tools[0].function.parameters",
            "Invalid type: text",
        ),
        (
            {"response_format": form({"type": "nonsense"})},
            "response_format.json_schema.schema",
            "nonsense",
        ),
        (
            {"response_format": form({"not": {"type": "string"}}, strict=True)},
            "response_format.json_schema.schema",
            'Unimplemented keys: ["not"]',
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image_url", "image_url": {"url": "data:,"}}],
                    }
                ]
            },
            "messages[0].content[0]",
            "takes no images",
        ),
        (
            {"messages": [HI, {"role": "tool", "tool_call_id": "c", "content": "x"}]},
            "messages[1].tool_call_id",
            "no earlier assistant's message",
        ),
    ],
)
async def test_the_field_at_fault_is_named(
    tiny: Client, fields: dict[str, Any], param: str, said: str
) -> None:
    error = await tiny.refusal(CHAT, **{"messages": [HI], "max_tokens": 1, **fields})
    assert error["param"] == param
    assert said in error["message"]


async def test_a_prompt_that_is_too_long(tiny: Client) -> None:
    error = await tiny.refusal(CHAT, messages=[user("word " * 3000)])
    assert error["code"] == "context_length_exceeded"
    assert error["param"] == "messages"
    assert "2048" in error["message"]
    assert "3031" in error["message"]


async def test_an_answer_that_would_be_too_long(tiny: Client) -> None:
    error = await tiny.refusal(CHAT, messages=[user("word " * 500)], max_tokens=1600)
    assert error["code"] == "context_length_exceeded"
    assert "2048" in error["message"]
    assert "531 in the prompt, 1600 for the answer" in error["message"]
    assert (await tiny.refusal(CHAT, messages=[HI], max_tokens=100_000))["param"] == "messages"


async def test_a_refused_stream_is_no_stream(tiny: Client) -> None:
    error = await tiny.refusal(CHAT, messages=[user("word " * 3000)], stream=True)
    assert error["code"] == "context_length_exceeded"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model": "m"}', b"\xff"])
async def test_a_broken_body(tiny: Client, body: bytes) -> None:
    status, read = await tiny.send(CHAT, body)
    assert status == 400
    assert b'"invalid_request_error"' in read
