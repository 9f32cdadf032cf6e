"""What a live server says to requests that cannot be honoured."""

import json
from typing import Any

import httpx
import pytest

from tests.contract.conftest import CHAT, EMBEDDING, TINY
from tests.server import Server

MESSAGES = [{"role": "user", "content": "hi"}]


@pytest.fixture
def post(server: Server) -> Any:
    def send(path: str, body: Any, *, key: str | None = None, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.post(
            f"{server.url}/v2{path}",
            content=content,
            headers={
                "Authorization": f"Bearer {server.admin_key if key is None else key}",
                "Content-Type": "application/json",
                **headers,
            },
            timeout=120,
        )

    return send


def error(answer: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert body["detail"] == body["error"]["message"]
    assert answer.headers["x-request-id"]
    return dict(body["error"])


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": "hi"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "wizard", "content": "hi"}]}, "messages[0]"),
        ({"messages": MESSAGES, "temperature": 3}, "temperature"),
        ({"messages": MESSAGES, "max_tokens": "ten"}, "max_tokens"),
        ({"messages": MESSAGES, "n": 0}, "n"),
        ({"messages": MESSAGES, "top_logprobs": 2}, "top_logprobs"),
        ({"messages": MESSAGES, "stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"messages": MESSAGES, "logit_bias": {"1": 500}}, "logit_bias"),
        (
            {
                "messages": MESSAGES,
                "tool_choice": {"type": "function", "function": {"name": "nowhere"}},
                "tools": [{"type": "function", "function": {"name": "somewhere"}}],
            },
            "tool_choice",
        ),
        (
            {
                "messages": MESSAGES,
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "schema": {"type": "nonsense"}},
                },
            },
            "response_format.json_schema.schema",
        ),
    ],
)
def test_wrong_chat_fields_are_named(post: Any, fields: dict[str, Any], param: str) -> None:
    answer = post("/chat/completions", {"model": TINY, **fields})
    assert answer.status_code == 400, answer.text
    assert str(error(answer)["param"]).startswith(param)


def test_broken_json(post: Any) -> None:
    answer = post("/chat/completions", b'{"model": "x", ')
    assert answer.status_code == 400
    assert error(answer)["code"] == "invalid_json"


def test_missing_model(post: Any) -> None:
    answer = post("/chat/completions", {"messages": MESSAGES})
    assert answer.status_code == 400
    assert error(answer)["param"] == "model"


def test_no_key(server: Server) -> None:
    answer = httpx.post(f"{server.url}/v2/chat/completions", json={})
    assert answer.status_code == 401
    assert "Authorization" in error(answer)["message"]


def test_api_key_header_counts(server: Server) -> None:
    answer = httpx.get(f"{server.url}/v2/models", headers={"api-key": server.admin_key})
    assert answer.status_code == 200


def test_unknown_endpoint(server: Server) -> None:
    answer = httpx.get(f"{server.url}/v2/nothing")
    assert answer.status_code == 404
    assert "/v2/nothing" in error(answer)["message"]


def test_twenty_megabytes_are_refused(post: Any) -> None:
    body = {"model": TINY, "messages": [{"role": "user", "content": "a" * 20_000_000}]}
    answer = post("/chat/completions", body)
    assert answer.status_code == 413
    assert error(answer)["code"] == "body_too_large"


def test_context_overflow_tells_both_numbers(post: Any) -> None:
    body = {"model": TINY, "messages": [{"role": "user", "content": "word " * 40_000}]}
    answer = post("/chat/completions", body)
    assert answer.status_code == 400
    told = error(answer)
    assert told["code"] == "context_length_exceeded"
    assert "8192" in told["message"]


def test_key_without_the_model(server: Server, post: Any) -> None:
    key = json.loads(
        server.command("keys", "create", "tiny-only", "--models", "SmolLM2*", "--json")
    )["key"]
    refused = post("/chat/completions", {"model": CHAT, "messages": MESSAGES}, key=key)
    assert refused.status_code == 403
    assert error(refused)["code"] == "model_not_allowed"
    listed = httpx.get(f"{server.url}/v2/models", headers={"api-key": key}).json()
    assert [model["id"] for model in listed["data"]] == [TINY]


def test_key_without_the_scope(server: Server, post: Any) -> None:
    key = server.command("keys", "create", "files-only", "--scopes", "files").strip()
    refused = post("/embeddings", {"model": EMBEDDING, "input": "a"}, key=key)
    assert refused.status_code == 403
    assert error(refused)["code"] == "insufficient_permissions"


def test_embedding_input_is_checked(post: Any) -> None:
    assert error(post("/embeddings", {"model": EMBEDDING, "input": []}))["param"] == "input"
    tokens = post("/embeddings", {"model": EMBEDDING, "input": [[1, 2], [3]]})
    assert tokens.status_code == 400
    assert "check_embedding_ctx_length" in error(tokens)["message"]
    small = post("/embeddings", {"model": EMBEDDING, "input": "a", "dimensions": 12})
    assert error(small)["param"] == "dimensions"
