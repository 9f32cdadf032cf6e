import pytest

from tests.web.conftest import Web


async def test_every_prefix_does_every_verb(web: Web) -> None:
    body = {"model": "chat", "messages": [{"role": "user", "content": "hi"}]}
    for prefix in ("/v2", "/v1", "/v2/coding", "/v2/openai", "/vision"):
        answer = await web.client.post(f"{prefix}/chat/completions", json=body)
        assert answer.json() == {"object": "chat.completion"}, prefix


async def test_azure_names_the_model_in_the_address(web: Web) -> None:
    for prefix in ("/v2", "/v1"):
        answer = await web.client.post(
            f"{prefix}/openai/deployments/latest/chat/completions?api-version=2023-07-01-preview",
            json={"messages": []},
        )
        assert answer.status_code == 200


async def test_request_ids(web: Web) -> None:
    kept = await web.client.get("/health/live", headers={"x-request-id": "trace-7"})
    assert kept.headers["x-request-id"] == "trace-7"
    assert (await web.client.get("/nowhere")).headers["x-request-id"].startswith("req_")


async def test_health(web: Web) -> None:
    assert (await web.client.get("/health/live")).json() == {"status": "ok"}
    assert (await web.client.get("/health/ready")).json() == {"status": "ok", "failures": {}}


async def test_not_ready_without_the_database(web: Web) -> None:
    await web.hub.database.close()
    object.__setattr__(web.hub.database, "dsn", "postgresql://nobody@127.0.0.1:9/none")
    answer = await web.client.get("/health/ready")
    assert answer.status_code == 503
    assert "database" in answer.json()["failures"]


async def test_metrics(web: Web) -> None:
    await web.client.post("/v2/chat/completions", json={"model": "chat", "messages": []})
    text = (await web.client.get("/metrics")).text
    assert (
        'stellwerk_requests_total{model="chat",operation="chat.completions",status="200",'
        'target="target"} 1.0' in text
    )


async def test_wrong_method_and_unknown_path(web: Web) -> None:
    assert (await web.client.get("/v2/chat/completions")).status_code == 405
    answer = await web.client.get("/v2/nothing")
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "not_found_error"


async def test_a_large_body_is_refused_by_its_length_and_by_its_bytes(web: Web) -> None:
    body = b'{"model":"chat","messages":"' + b"x" * 20_000 + b'"}'
    assert (await web.client.post("/v2/chat/completions", content=body)).status_code == 413

    async def pieces() -> object:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    sent = await web.client.post("/v2/chat/completions", content=pieces())  # type: ignore[arg-type]
    assert sent.status_code == 413


@pytest.mark.parametrize("prefix", ["/v2", "/v2/audio", "/queue"])
async def test_recordings_have_a_limit_of_their_own(web: Web, prefix: str) -> None:
    async def status(size: int) -> int:
        sent = {"files": {"file": ("a.wav", bytes(size))}, "data": {"model": "nobody"}}
        return (await web.client.post(f"{prefix}/audio/transcriptions", **sent)).status_code  # type: ignore[arg-type]

    assert await status(15_000) == 404
    assert await status(25_000) == 413


async def test_a_form_is_no_json(web: Web) -> None:
    answer = await web.client.post("/v2/chat/completions", files={"file": b"x"})
    assert answer.status_code == 415


async def test_head_is_answered_like_get(web: Web) -> None:
    for path in ("/health/live", "/v2/models"):
        assert (await web.client.head(path)).status_code == 200


async def test_a_resource_s_body_is_bounded_before_it_is_read(web: Web) -> None:
    body = b'{"name":"' + b"x" * 2**20 + b'"}'
    assert (await web.client.post("/admin/keys", content=body)).status_code == 413

    async def pieces() -> object:
        for start in range(0, len(body), 100_000):
            yield body[start : start + 100_000]

    headers = {"content-type": "application/json"}
    sent = await web.client.post("/admin/keys", content=pieces(), headers=headers)  # type: ignore[arg-type]
    assert sent.status_code == 413
    assert sent.json()["error"]["code"] == "body_too_large"


async def test_a_name_with_a_slash_in_azure_s_path(web: Web) -> None:
    answer = await web.client.post(
        "/v2/openai/deployments/org%2Fvoice/chat/completions", json={"messages": []}
    )
    assert answer.json()["error"]["code"] == "model_not_supported"
