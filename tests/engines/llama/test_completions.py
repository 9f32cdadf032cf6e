"""Raw continuations by a tiny real model."""

from typing import Any

import msgspec
import pytest

from stellwerk.wire.completions import Completion
from tests.engines.llama.conftest import Client

TEXT = "/v1/completions"
ONCE = "Once upon a time"


def texts(answer: dict[str, Any]) -> list[str]:
    return [choice["text"] for choice in answer["choices"]]


async def test_an_answer_has_the_public_shape(tiny: Client) -> None:
    answer = await tiny.complete(ONCE, temperature=0)
    shape = msgspec.convert(answer, Completion)
    assert shape.id.startswith("cmpl-")
    assert shape.model == "named"
    assert shape.choices[0].finish_reason == "length"
    assert answer["usage"]["completion_tokens"] == 16
    assert answer["usage"]["prompt_tokens"] == 4


async def test_a_stream_says_the_same(tiny: Client) -> None:
    fields = {"prompt": ONCE, "temperature": 0, "max_tokens": 9}
    whole = await tiny.post(TEXT, **fields)
    stream = await tiny.stream(TEXT, **fields, stream_options={"include_usage": True})
    assert stream.done
    assert stream.text() == texts(whole)[0]
    msgspec.convert(stream.events, list[Completion])
    assert stream.choices[-1]["finish_reason"] == "length"
    assert stream.events[-1]["usage"]["completion_tokens"] == 9
    assert all(event["usage"] is None for event in stream.events[:-1])


async def test_prompts_and_answers_are_counted_in_order(tiny: Client) -> None:
    fields = {"temperature": 0, "max_tokens": 4}
    answer = await tiny.complete([ONCE, "The sea is"], **fields, n=2)
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2, 3]
    once, sea = [texts(await tiny.complete(prompt, **fields))[0] for prompt in (ONCE, "The sea is")]
    assert texts(answer) == [once, once, sea, sea]
    assert answer["usage"]["prompt_tokens"] == 4 + 3
    assert answer["usage"]["completion_tokens"] == 16


async def test_tokens_are_a_prompt_as_well(tiny: Client) -> None:
    tokens = [6403, 1980, 253, 655]
    fields = {"temperature": 0, "max_tokens": 4, "echo": True}
    told = await tiny.complete(ONCE, **fields)
    assert texts(await tiny.complete(tokens, **fields)) == texts(told)
    assert texts(await tiny.complete([tokens, tokens], **fields)) == texts(told) * 2


async def test_an_echo_comes_first(tiny: Client) -> None:
    fields = {"temperature": 0, "max_tokens": 3}
    (plain,) = texts(await tiny.complete(ONCE, **fields))
    assert texts(await tiny.complete(ONCE, **fields, echo=True)) == [ONCE + plain]
    stream = await tiny.stream(TEXT, prompt=ONCE, **fields, echo=True)
    assert stream.choices[0]["text"] == ONCE
    assert stream.text() == ONCE + plain


async def test_no_tokens_are_an_answer_too(tiny: Client) -> None:
    answer = await tiny.complete(ONCE, max_tokens=0, echo=True)
    assert texts(answer) == [ONCE]
    assert answer["usage"]["prompt_tokens"] == 4
    assert answer["usage"]["completion_tokens"] == 0


async def test_log_probabilities_have_the_old_form(tiny: Client) -> None:
    fields = {"temperature": 0, "max_tokens": 4, "logprobs": 2}
    answer = await tiny.complete(ONCE, **fields)
    (text,) = texts(answer)
    told = answer["choices"][0]["logprobs"]
    assert "".join(told["tokens"]) == text
    assert [text[at:].startswith(one) for at, one in _places(told)] == [True] * 4
    for token, logprob, top in zip(
        told["tokens"], told["token_logprobs"], told["top_logprobs"], strict=True
    ):
        assert logprob <= 0
        assert top[token] == logprob
        assert len(top) == 2
    stream = await tiny.stream(TEXT, prompt=ONCE, **fields)
    parts = [choice["logprobs"] for choice in stream.choices if choice["logprobs"]]
    assert [token for part in parts for token in part["tokens"]] == told["tokens"]
    assert [at for part in parts for at in part["text_offset"]] == told["text_offset"]
    bare = await tiny.complete(ONCE, **{**fields, "logprobs": 0})
    assert bare["choices"][0]["logprobs"]["tokens"] == told["tokens"]


def _places(told: dict[str, Any]) -> list[tuple[int, str]]:
    return list(zip(told["text_offset"], told["tokens"], strict=True))


async def test_a_stop_ends_the_answer(tiny: Client) -> None:
    (text,) = texts(await tiny.complete(ONCE, temperature=0, max_tokens=12))
    stop = text.split()[3]
    answer = await tiny.complete(ONCE, temperature=0, max_tokens=12, stop=stop)
    assert texts(answer) == [text[: text.index(stop)]]
    assert answer["choices"][0]["finish_reason"] == "stop"


async def test_a_complete_sentence_is_continued_too(coder: Client) -> None:
    question = "What is the Python programming language?"
    answer = await coder.complete(question, temperature=0, max_tokens=3)
    assert texts(answer)[0].strip()


async def test_seeds_repeat_and_differ(tiny: Client) -> None:
    fields = {"temperature": 1.5, "max_tokens": 12}
    first = texts(await tiny.complete(ONCE, **fields, seed=5))
    assert texts(await tiny.complete(ONCE, **fields, seed=5)) == first
    assert texts(await tiny.complete(ONCE, **fields, seed=6)) != first


@pytest.mark.parametrize(
    ("fields", "param", "said"),
    [
        ({"prompt": ""}, "prompt", "empty"),
        ({"prompt": []}, "prompt", "may not be empty"),
        ({"prompt": [[]]}, "prompt", "empty"),
        ({"prompt": ["a", 1]}, "prompt", "nor mix"),
        ({"prompt": [49152]}, "prompt", "from 0 to 49151"),
        ({"prompt": [-1]}, "prompt[0]", ">= 0"),
        ({"prompt": ["a"] * 129}, "prompt", "at most 128"),
        ({"suffix": "the end"}, "suffix", "only continues"),
        ({"best_of": 2}, "best_of", "same as `n`"),
        ({"echo": True, "logprobs": 1}, "echo", "prompt's tokens"),
        ({"logprobs": 6}, "logprobs", "<= 5"),
        ({"max_tokens": -1}, "max_tokens", ">= 0"),
    ],
)
async def test_the_field_at_fault_is_named(
    tiny: Client, fields: dict[str, Any], param: str, said: str
) -> None:
    error = await tiny.refusal(TEXT, **{"prompt": ONCE, **fields})
    assert error["param"] == param
    assert said in error["message"]


async def test_what_does_not_fit_is_refused_with_both_numbers(tiny: Client) -> None:
    long = await tiny.refusal(TEXT, prompt="word " * 3000)
    assert long["code"] == "context_length_exceeded"
    assert "3001" in long["message"]
    assert "2048" in long["message"]
    wide = await tiny.refusal(TEXT, prompt=ONCE, max_tokens=2045)
    assert "4 in the prompt, 2045 for the answer" in wide["message"]
    assert (await tiny.complete(ONCE, max_tokens=2044, stop=" "))["choices"]
