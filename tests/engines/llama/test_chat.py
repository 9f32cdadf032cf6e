"""Chats with a tiny real model: the shapes and rules of the answers, not their wit."""

import json
from typing import Any

import msgspec
import pytest

from stellwerk.wire.chat import ChatCompletion, ChatCompletionChunk
from tests.engines.llama.conftest import Client, user

CHAT = "/v1/chat/completions"
HI = user("Say hi.")


def content(answer: dict[str, Any], index: int = 0) -> str:
    return str(answer["choices"][index]["message"]["content"])


async def test_an_answer_has_the_public_shape(tiny: Client) -> None:
    answer = await tiny.chat(HI, max_tokens=8, temperature=0)
    shape = msgspec.convert(answer, ChatCompletion)
    assert answer.keys() == {
        *("id", "object", "created", "model", "choices", "usage", "system_fingerprint")
    }
    assert shape.id.startswith("chatcmpl-")
    assert shape.model == "named"
    assert shape.choices[0].finish_reason == "length"
    assert shape.choices[0].message.content
    usage = answer["usage"]
    assert usage["completion_tokens"] == 8
    assert usage["total_tokens"] == usage["prompt_tokens"] + 8


async def test_a_repeated_prompt_comes_from_the_cache(tiny: Client) -> None:
    once = user("Name a colour that nobody likes, and say why.")
    first = await tiny.chat(once, max_tokens=2, temperature=0)
    again = await tiny.chat(once, max_tokens=2, temperature=0)
    assert again["usage"]["prompt_tokens"] == first["usage"]["prompt_tokens"]
    assert again["usage"]["prompt_tokens_details"]["cached_tokens"] > 0


async def test_a_stream_says_the_same_as_a_whole_answer(tiny: Client) -> None:
    fields = {"messages": [HI], "max_tokens": 12, "temperature": 0}
    whole = await tiny.post(CHAT, **fields)
    stream = await tiny.stream(CHAT, **fields)
    assert stream.done
    assert stream.text() == content(whole)
    shapes = msgspec.convert(stream.events, list[ChatCompletionChunk])
    assert len({(shape.id, shape.created, shape.model) for shape in shapes}) == 1
    assert stream.choices[0]["delta"] == {"role": "assistant", "content": ""}
    assert [choice["finish_reason"] for choice in stream.choices[-2:]] == [None, "length"]
    assert all("usage" not in event and "timings" not in event for event in stream.events)


async def test_usage_comes_in_one_last_chunk_if_asked_for(tiny: Client) -> None:
    fields = {"messages": [HI], "max_tokens": 5, "temperature": 0, "n": 2}
    stream = await tiny.stream(CHAT, **fields, stream_options={"include_usage": True})
    *pieces, last = stream.events
    assert all(piece["usage"] is None for piece in pieces)
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 10
    one = await tiny.post(CHAT, **{**fields, "n": 1})
    assert last["usage"]["prompt_tokens"] == one["usage"]["prompt_tokens"]


async def test_several_answers_differ_and_repeat_by_seed(tiny: Client) -> None:
    story = user("Invent a name for a dragon.")
    fields = {"n": 3, "seed": 11, "max_tokens": 12, "temperature": 1.5}
    answer = await tiny.chat(story, **fields)
    texts = [content(answer, index) for index in range(3)]
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert len(set(texts)) > 1
    alone = await tiny.chat(story, **{**fields, "n": 1})
    assert content(alone) == texts[0]


async def test_streamed_answers_are_told_apart_by_index(tiny: Client) -> None:
    stream = await tiny.stream(CHAT, messages=[HI], n=2, max_tokens=6, seed=3)
    ends = [choice for choice in stream.choices if choice["finish_reason"]]
    assert sorted(choice["index"] for choice in ends) == [0, 1]
    assert stream.text(0)
    assert stream.text(1)


@pytest.mark.parametrize("stop", ["three", ["nothing", "three"]])
async def test_a_stop_ends_the_answer_and_is_no_part_of_it(tiny: Client, stop: Any) -> None:
    count = user("Repeat exactly: one two three four")
    answer = await tiny.chat(
        count, max_tokens=40, temperature=0, stop=stop, response_format=_only("one two three four")
    )
    assert content(answer).strip('"').strip() == "one two"
    assert answer["choices"][0]["finish_reason"] == "stop"


def _only(text: str) -> dict[str, Any]:
    """A form that leaves the model no choice."""
    return {"type": "json_schema", "json_schema": {"name": "only", "schema": {"const": text}}}


async def test_both_names_of_the_limit_count(tiny: Client) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        answer = await tiny.chat(user("Count to a hundred."), temperature=0, **{name: 3})
        assert answer["usage"]["completion_tokens"] == 3
        assert answer["choices"][0]["finish_reason"] == "length"


async def test_log_probabilities_have_the_public_shape(tiny: Client) -> None:
    fields = {"max_tokens": 4, "temperature": 0, "logprobs": True}
    answer = await tiny.chat(HI, **fields, top_logprobs=2)
    tokens = answer["choices"][0]["logprobs"]["content"]
    assert "".join(token["token"] for token in tokens) == content(answer)
    for token in tokens:
        assert token.keys() == {"token", "logprob", "bytes", "top_logprobs"}
        assert bytes(token["bytes"]).decode() == token["token"]
        assert len(token["top_logprobs"]) == 2
        assert token["top_logprobs"][0]["logprob"] == token["logprob"] <= 0
    alone = await tiny.chat(HI, **fields)
    assert [one["top_logprobs"] for one in alone["choices"][0]["logprobs"]["content"]] == [[]] * 4
    stream = await tiny.stream(CHAT, messages=[HI], **fields)
    told = [choice["logprobs"]["content"] for choice in stream.choices if choice["logprobs"]]
    assert "".join(one["token"] for ones in told for one in ones) == content(answer)


async def test_a_bias_decides_between_tokens(tiny: Client) -> None:
    fields = {"max_tokens": 3, "temperature": 0}
    forced = [content(await tiny.chat(HI, **fields, logit_bias={one: 100})) for one in ("40", "41")]
    assert forced[0] == forced[0][0] * 3
    assert forced[1] == forced[1][0] * 3
    assert forced[0] != forced[1]
    both = await tiny.chat(HI, **fields, logit_bias={"40": 100, "41": -100})
    assert content(both) == forced[0]


@pytest.mark.parametrize("strict", [True, False])
async def test_json_keeps_to_its_schema(tiny: Client, strict: bool) -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 12},
            "kind": {"enum": ["city", "river"]},
            "size": {"type": "integer", "minimum": 1, "maximum": 99},
        },
        "required": ["name", "kind", "size"],
        "additionalProperties": False,
    }
    form = {"name": "place", "schema": schema, "strict": strict}
    answer = await tiny.chat(
        user("Describe a place."),
        max_tokens=80,
        response_format={"type": "json_schema", "json_schema": form},
    )
    made = json.loads(content(answer))
    assert made.keys() == {"name", "kind", "size"}
    assert made["kind"] in {"city", "river"}
    assert 1 <= made["size"] <= 99


async def test_any_json_object(tiny: Client) -> None:
    answer = await tiny.chat(
        user("Give me a city as JSON."),
        max_tokens=120,
        temperature=0,
        response_format={"type": "json_object"},
    )
    assert isinstance(json.loads(content(answer)), dict)


async def test_hints_and_strange_fields_change_nothing(tiny: Client) -> None:
    fields = {"max_tokens": 4, "temperature": 0}
    hints = {"user": "me", "store": True, "metadata": {"a": "b"}, "service_tier": "flex", "x": 1}
    plain = await tiny.chat(HI, **fields)
    assert content(await tiny.chat(HI, **fields, **hints)) == content(plain)


async def test_instructions_by_either_name(tiny: Client) -> None:
    fields = {"max_tokens": 6, "temperature": 0}
    asked = [
        await tiny.chat({"role": role, "content": "You are a pirate."}, HI, **fields)
        for role in ("system", "developer")
    ]
    assert content(asked[0]) == content(asked[1])
    assert content(asked[0]) != content(await tiny.chat(HI, **fields))


async def test_variables_for_the_template_are_taken(tiny: Client) -> None:
    answer = await tiny.chat(
        HI,
        max_tokens=1,
        reasoning_effort="low",
        chat_template_kwargs={"enable_thinking": False},
    )
    assert answer["usage"]["completion_tokens"] == 1
