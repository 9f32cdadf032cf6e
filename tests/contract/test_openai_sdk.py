"""The official SDK, sync and async, against a live server."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, AzureOpenAI, OpenAI

from tests.contract.conftest import CHAT, EMBEDDING, STARTERS, TINY
from tests.server import Server

HELLO: list[Any] = [{"role": "user", "content": "Say hello."}]


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[OpenAI]:
    with OpenAI(api_key=server.admin_key, base_url=f"{server.url}/v2", max_retries=0) as made:
        yield made


def test_models(client: OpenAI) -> None:
    listed = client.models.list()
    assert [model.id for model in listed] == STARTERS
    embedding = client.models.retrieve(EMBEDDING)
    assert embedding.model_extra is not None
    assert embedding.model_extra["meta_data"]["hidden_size"] == 384
    assert embedding.model_extra["meta_data"]["model_type"] == "EMBEDDING"


def test_chat(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model=TINY, messages=HELLO, max_completion_tokens=8, temperature=0, seed=1
    )
    assert answer.model == TINY
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 8
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 8


def test_chat_streams_and_ends_with_usage(client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model=TINY,
            messages=HELLO,
            max_tokens=8,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 8
    assert not chunks[-1].choices


def test_structured_output(client: OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 12}, "rain": {"type": "boolean"}},
        "required": ["city", "rain"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model=TINY,
        messages=[{"role": "user", "content": "Weather in Bonn as JSON."}],
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "weather", "schema": schema, "strict": True},
        },
        max_tokens=60,
        temperature=0,
    )
    assert set(json.loads(answer.choices[0].message.content or "")) == {"city", "rain"}


def test_completion_of_a_list_with_echo(client: OpenAI) -> None:
    answer = client.completions.create(
        model=TINY, prompt=["One, two,", "Red, green,"], max_tokens=4, echo=True
    )
    assert [choice.text[:4] for choice in answer.choices] == ["One,", "Red,"]
    assert [choice.index for choice in answer.choices] == [0, 1]


def test_embeddings_are_the_same_in_both_encodings(client: OpenAI) -> None:
    packed = client.embeddings.create(model=EMBEDDING, input=["Hamburg", "Elbe"])
    plain = client.embeddings.create(
        model=EMBEDDING, input=["Hamburg", "Elbe"], encoding_format="float"
    )
    assert packed.data[1].embedding == pytest.approx(plain.data[1].embedding, abs=1e-6)
    assert sum(value * value for value in packed.data[0].embedding) == pytest.approx(1, abs=1e-3)


def test_a_tool_is_called_and_its_result_is_used(client: OpenAI) -> None:
    tool: Any = {
        "type": "function",
        "function": {
            "name": "get_current_weather",
            "description": "Get the current weather",
            "parameters": {
                "type": "object",
                "properties": {"location": {"type": "string"}},
                "required": ["location"],
            },
        },
    }
    messages: list[Any] = [{"role": "user", "content": "What's the weather like today in Hamburg?"}]
    asked = client.chat.completions.create(
        model=CHAT, messages=messages, tools=[tool], temperature=0
    )
    calls: Any = asked.choices[0].message.tool_calls
    call = calls[0]
    assert asked.choices[0].finish_reason == "tool_calls"
    assert call.function.name == "get_current_weather"
    assert "Hamburg" in json.loads(call.function.arguments)["location"]
    messages += [
        asked.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": '{"celsius": 12, "sky": "rain"}'},
    ]
    answered = client.chat.completions.create(
        model=CHAT, messages=messages, tools=[tool], max_tokens=60, temperature=0
    )
    assert "12" in (answered.choices[0].message.content or "")


async def test_many_at_once(server: Server) -> None:
    async with AsyncOpenAI(api_key=server.admin_key, base_url=f"{server.url}/v2") as client:
        answers = await asyncio.gather(
            *(
                client.chat.completions.create(
                    model=TINY,
                    messages=[{"role": "user", "content": f"Count to {n}."}],
                    max_tokens=5,
                    temperature=0,
                )
                for n in range(12)
            )
        )
    assert all(answer.usage and 1 <= answer.usage.completion_tokens <= 5 for answer in answers)


async def test_async_stream(server: Server) -> None:
    async with AsyncOpenAI(api_key=server.admin_key, base_url=f"{server.url}/v2") as client:
        stream = await client.chat.completions.create(
            model=TINY, messages=HELLO, max_tokens=6, temperature=0, stream=True
        )
        pieces = [chunk async for chunk in stream]
    assert pieces[0].choices[0].delta.role == "assistant"
    assert pieces[-1].choices[0].finish_reason == "length"


def test_azure_client(server: Server) -> None:
    with AzureOpenAI(
        api_key=server.admin_key,
        azure_endpoint=f"{server.url}/v2",
        api_version="2023-07-01-preview",
    ) as client:
        answer = client.chat.completions.create(model=TINY, messages=HELLO, max_tokens=4)
    assert answer.model == TINY


@pytest.mark.parametrize("prefix", ["/v1", "/v2/coding"])
def test_other_base_urls(server: Server, prefix: str) -> None:
    with OpenAI(api_key=server.admin_key, base_url=server.url + prefix) as client:
        assert len(client.models.list().data) == len(STARTERS)
        answer = client.chat.completions.create(model=TINY, messages=HELLO, max_tokens=2)
    assert answer.object == "chat.completion"


def test_errors_are_the_sdk_s_own(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="Did you mean 'SmolLM2-135M-Instruct'"):
        client.chat.completions.create(model="SmolLM2-135M-instruct", messages=HELLO)
    with pytest.raises(openai.BadRequestError, match=CHAT):
        client.chat.completions.create(model=EMBEDDING, messages=HELLO)
    with pytest.raises(openai.BadRequestError, match=EMBEDDING):
        client.embeddings.create(model=TINY, input="text")
    with pytest.raises(openai.AuthenticationError, match="Incorrect API key"):
        client.with_options(api_key="stw-wrong").models.list()
