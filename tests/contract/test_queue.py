"""The documented clients of the queue: plain SDKs with another base URL."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from stellwerk.features.catalog.starter import starter_models
from tests.contract.conftest import EMBEDDING, TINY
from tests.server import Server

HELLO: list[Any] = [{"role": "user", "content": "Say hello."}]

WRONG: Any = "Say hello."


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[OpenAI]:
    with OpenAI(api_key=server.admin_key, base_url=f"{server.url}/queue", max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def http(server: Server) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {server.admin_key}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=120) as made:
        yield made


def test_models(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [entry.id for entry in starter_models()]


def test_chat(client: OpenAI) -> None:
    response = client.chat.completions.create(
        model=TINY, messages=HELLO, max_tokens=8, temperature=0
    )
    assert response.choices[0].message.content
    assert response.usage is not None


def test_completion(client: OpenAI) -> None:
    answer = client.completions.create(
        model=TINY, prompt="One, two, three,", max_tokens=4, temperature=0
    )
    assert answer.choices[0].text


def test_embeddings(client: OpenAI) -> None:
    response = client.embeddings.create(model=EMBEDDING, input="Asynchronous requests")
    assert len(response.data[0].embedding) == 384


async def test_many_at_once(server: Server) -> None:
    texts = [f"Document number {number}" for number in range(20)]
    async with AsyncOpenAI(api_key=server.admin_key, base_url=f"{server.url}/queue") as client:

        async def embed(text: str) -> list[float]:
            response = await client.embeddings.create(model=EMBEDDING, input=text)
            return response.data[0].embedding

        vectors = await asyncio.gather(*(embed(text) for text in texts))
    direct = OpenAI(api_key=server.admin_key, base_url=f"{server.url}/v2")
    with direct:
        expected = direct.embeddings.create(model=EMBEDDING, input=texts)
    for vector, item in zip(vectors, expected.data, strict=True):
        assert vector == pytest.approx(item.embedding, abs=1e-3)


def test_a_stream(client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model=TINY, messages=HELLO, max_tokens=8, temperature=0, stream=True
        )
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "length"


def test_errors_are_those_of_the_verb(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="Did you mean"):
        client.chat.completions.create(model=TINY.lower(), messages=HELLO)
    with pytest.raises(openai.BadRequestError, match="messages"):
        client.chat.completions.create(model=TINY, messages=WRONG)


def test_async_and_later(http: httpx.Client) -> None:
    body = {"model": EMBEDDING, "input": "later"}
    answer = http.post("/queue/embeddings", json=body, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    place = answer.headers["location"]
    result = http.get(f"{place}/result", params={"wait": 60})
    assert len(result.json()["data"][0]["embedding"]) == 384
    assert http.get(place).json()["status"] == "completed"
    assert http.delete(place).json()["deleted"]
    assert http.get(place).status_code == 404


def test_a_running_request_is_cancelled(http: httpx.Client, server: Server) -> None:
    body = {"model": TINY, "prompt": "1, 2, 3, 4, 5, 6, 7,", "max_tokens": 5000, "stream": True}
    answer = http.post("/queue/completions", json=body, headers={"Prefer": "respond-async"})
    place = answer.headers["location"]
    while http.get(place).json()["status"] != "running":
        time.sleep(0.02)
    http.post(f"{place}/cancel")
    while (status := http.get(place).json()["status"]) == "cancelling":
        time.sleep(0.02)
    assert status in {"cancelled", "completed"}
    engines = http.get("/admin/engines").json()["engines"]
    assert sum(engine["leases"] for engine in engines) == 0


def test_an_interrupted_stream_is_read_on(http: httpx.Client) -> None:
    body = {"model": TINY, "messages": HELLO, "max_tokens": 60, "stream": True, "temperature": 0}
    first: list[str] = []
    with http.stream("POST", "/queue/chat/completions", json=body) as answer:
        place = answer.headers["location"]
        for line in answer.iter_lines():
            first.append(line)
            if len(first) > 20:
                break
    ids = [line[4:] for line in first if line.startswith("id: ")]
    cut = first.index(f"id: {ids[-2]}")
    rest = http.get(f"{place}/events", headers={"Last-Event-ID": ids[-2]}).text.splitlines()
    whole = http.get(f"{place}/events").text.splitlines()
    # An event is three lines: its id, its data, and an empty one.
    assert first[: cut + 3] + rest == whole
    assert whole[-2] == "data: [DONE]"
    text = [json.loads(line[6:]) for line in whole if line.startswith("data: {")]
    assert text[-1]["choices"][0]["finish_reason"]


def test_what_workers_run_is_on_the_page_of_metrics(http: httpx.Client) -> None:
    body = {"model": EMBEDDING, "input": "count me"}
    assert http.post("/queue/embeddings", json=body).is_success

    def counted() -> float:
        lines = http.get("/metrics").text.splitlines()
        wanted = f'stellwerk_requests_total{{model="{EMBEDDING}",operation="embeddings"'
        return sum(float(line.split()[-1]) for line in lines if line.startswith(wanted))

    before = counted()
    assert http.post("/queue/embeddings", json=body).is_success
    limit = time.monotonic() + 30
    while counted() <= before:
        assert time.monotonic() < limit
        time.sleep(0.1)
