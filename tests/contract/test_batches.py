"""Batches with the official SDK, on a live server with real models."""

import io
import json
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types import Batch

from tests.contract.conftest import EMBEDDING, TINY
from tests.server import Server

ENDED = {"completed", "failed", "expired", "cancelled"}


@pytest.fixture(scope="module", params=["v1", "v2"])
def client(server: Server, request: pytest.FixtureRequest) -> Iterator[OpenAI]:
    url = f"{server.url}/{request.param}"
    with OpenAI(api_key=server.admin_key, base_url=url, max_retries=0) as made:
        yield made


def line(name: str, url: str, **body: Any) -> dict[str, Any]:
    return {"custom_id": name, "method": "POST", "url": url, "body": body}


def batch_of(client: OpenAI, endpoint: Any, lines: list[dict[str, Any]], **more: Any) -> Batch:
    data = "".join(json.dumps(each) + "\n" for each in lines).encode()
    file = client.files.create(file=("in.jsonl", io.BytesIO(data)), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, endpoint=endpoint, completion_window="24h", **more
    )


def ended(client: OpenAI, batch: Batch) -> Batch:
    limit = time.monotonic() + 200
    while batch.status not in ENDED:
        assert time.monotonic() < limit, batch
        time.sleep(0.1)
        batch = client.batches.retrieve(batch.id)
    return batch


def content(client: OpenAI, file_id: str | None) -> dict[str, Any]:
    assert file_id is not None
    found = [json.loads(each) for each in client.files.content(file_id).text.splitlines()]
    return {each["custom_id"]: each for each in found}


def test_embeddings(client: OpenAI) -> None:
    texts = [f"Text number {number} of a longer list. " * (1 + number % 3) for number in range(70)]
    url = "/v1/embeddings"
    lines = [line(str(n), url, model=EMBEDDING, input=text) for n, text in enumerate(texts)]
    made = batch_of(client, url, lines, metadata={"night": "1"})
    assert (made.object, made.status, made.completion_window) == ("batch", "validating", "24h")
    assert made.expires_at == made.created_at + 86_400
    batch = ended(client, made)
    assert batch.status == "completed"
    assert batch.metadata == {"night": "1"}
    assert batch.request_counts is not None
    assert batch.request_counts.model_dump() == {"completed": 70, "failed": 0, "total": 70}
    found = content(client, batch.output_file_id)
    direct = client.embeddings.create(
        model=EMBEDDING, input=texts, encoding_format="float", extra_body={"usage_per_input": True}
    )
    counts = direct.usage.model_dump()["inputs"]
    assert sum(counts) == direct.usage.prompt_tokens
    for number, vector in enumerate(direct.data):
        response = found[str(number)]["response"]
        assert response["status_code"] == 200
        assert response["body"]["data"][0]["embedding"] == pytest.approx(vector.embedding, abs=1e-3)
        assert response["body"]["usage"]["prompt_tokens"] == counts[number]


def test_a_text_at_fault_is_alone_with_it(client: OpenAI) -> None:
    url = "/v1/embeddings"
    lines = [line(str(n), url, model=EMBEDDING, input=f"text {n}") for n in range(8)]
    lines[3]["body"]["input"] = ""
    batch = ended(client, batch_of(client, url, lines))
    assert len(content(client, batch.output_file_id)) == 7
    [bad] = content(client, batch.error_file_id).values()
    assert bad["custom_id"] == "3"
    assert bad["response"]["status_code"] == 400
    assert "input" in bad["response"]["body"]["error"]["param"]


def test_chat(client: OpenAI) -> None:
    url = "/v1/chat/completions"
    asked = {"model": TINY, "max_tokens": 8, "messages": [{"role": "user", "content": "Hello."}]}
    lines = [line("good", url, **asked), line("bad", url, **{**asked, "temperature": "hot"})]
    batch = ended(client, batch_of(client, url, lines))
    assert content(client, batch.output_file_id)["good"]["response"]["body"]["choices"]
    bad = content(client, batch.error_file_id)["bad"]["response"]
    assert (bad["status_code"], bad["body"]["error"]["param"]) == (400, "temperature")


def test_a_wrong_file_is_told(client: OpenAI) -> None:
    url = "/v1/chat/completions"
    batch = ended(client, batch_of(client, url, [line("a", url, model="nobody", messages=[])]))
    assert batch.status == "failed"
    assert batch.errors is not None
    assert batch.errors.data is not None
    assert (batch.errors.data[0].line, batch.errors.data[0].param) == (1, "body.model")


def test_cancel_and_list(client: OpenAI) -> None:
    url = "/v1/completions"
    lines = [line(str(n), url, model=TINY, prompt="1, 2, 3,", max_tokens=400) for n in range(60)]
    made = batch_of(client, url, lines)
    assert client.batches.cancel(made.id).status == "cancelling"
    batch = ended(client, made)
    assert batch.status == "cancelled"
    page = client.batches.list(limit=2)
    assert page.data[0].id == made.id
    assert len(page.data) == 2
    assert made.id not in [each.id for each in page.get_next_page().data]


def test_unknown_and_foreign_batches(client: OpenAI, server: Server) -> None:
    url: Any = "/v1/embeddings"
    made = batch_of(client, url, [line("a", url, model=EMBEDDING, input="x")])
    key = server.command("keys", "create", f"other-{time.time_ns()}", "--project", "other").strip()
    with OpenAI(api_key=key, base_url=client.base_url, max_retries=0) as other:
        for ask in (other.batches.retrieve, other.batches.cancel):
            with pytest.raises(openai.NotFoundError):
                ask(made.id)
        assert made.id not in [each.id for each in other.batches.list().data]
        with pytest.raises(openai.NotFoundError):
            other.batches.create(
                input_file_id=made.input_file_id, endpoint=url, completion_window="24h"
            )
    with pytest.raises(openai.NotFoundError):
        client.batches.retrieve("batch_unknown")
    with pytest.raises(openai.BadRequestError, match="endpoint"):
        client.batches.create(
            input_file_id=made.input_file_id,
            endpoint="/v1/moderations",
            completion_window="24h",
        )
    assert ended(client, made).status == "completed"
