import json
from typing import Any

import pytest

from stellwerk.base.errors import InvalidRequestError
from stellwerk.wire.chat import ChatCompletionRequest
from stellwerk.wire.completions import CompletionRequest
from stellwerk.wire.decode import decode

HI = [{"role": "user", "content": "hi"}]


def refused(body: Any, shape: type = ChatCompletionRequest) -> InvalidRequestError:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(InvalidRequestError) as refusal:
        decode(text, shape)
    return refusal.value


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        (
            {"messages": [{"role": "user", "content": 5}]},
            "messages[0].content",
            "`messages[0].content`: Expected `str | array`, got `int`.",
        ),
        ({}, "messages", "`messages` is missing."),
        ({"messages": [{"content": "hi"}]}, "messages[0].role", "`messages[0].role` is missing."),
        (
            {"messages": [{"role": "tool", "content": "hi"}]},
            "messages[0].tool_call_id",
            "`messages[0].tool_call_id` is missing.",
        ),
        (
            {"messages": HI, "tool_choice": "always"},
            "tool_choice",
            "`tool_choice`: Invalid enum value 'always'. Use one of: auto, none, required.",
        ),
        (
            {"messages": HI, "response_format": {"type": "xml"}},
            "response_format.type",
            (
                "`response_format.type`: Invalid value 'xml'. "
                "Use one of: text, json_object, json_schema."
            ),
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "smell"}]}]},
            "messages[0].content[0].type",
            (
                "`messages[0].content[0].type`: Invalid value 'smell'. "
                "Use one of: text, image_url, input_audio, file, refusal."
            ),
        ),
        (
            {"messages": HI, "temperature": 3},
            "temperature",
            "`temperature`: Expected `float` <= 2.0.",
        ),
    ],
)
def test_an_error_names_its_field(fields: dict[str, Any], param: str, message: str) -> None:
    error = refused({"model": "m", **fields})
    assert (error.param, error.message) == (param, message)


def test_unknown_fields_are_passed_over() -> None:
    body = {"model": "m", "messages": HI, "new": {"field": 1}}
    assert decode(json.dumps(body).encode(), ChatCompletionRequest).model == "m"


@pytest.mark.parametrize("body", [b"{", b'{"model": "m", "messages": [}', b"\xff", b"nothing"])
def test_broken_json_is_said_to_be(body: bytes) -> None:
    error = refused(body)
    assert error.code == "invalid_json"
    assert error.param is None


@pytest.mark.parametrize(
    "prompt", ["text", ["a", "b"], [1, 2, 3], [[1], [2, 3]]], ids=["text", "texts", "one", "lists"]
)
def test_a_prompt_has_four_forms(prompt: Any) -> None:
    body = json.dumps({"model": "m", "prompt": prompt}).encode()
    assert decode(body, CompletionRequest).prompt == prompt


def test_a_negative_token_is_refused() -> None:
    assert refused({"model": "m", "prompt": [-1]}, CompletionRequest).param == "prompt[0]"
