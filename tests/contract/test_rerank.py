"""Texts in the order of their relevance, by local models: one made here, and the starter."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI

from tests.contract.conftest import EMBEDDING
from tests.engines.llama.reranker import made_reranker
from tests.server import COMMAND, Server, running_server

CONFIG = """
[[models]]
id = "reranker"
type = "RERANK"
engine = "llama-rerank"
options = {{ context = 512 }}
files = [{{ name = "reranker.gguf", sources = [{{ path = "{path}" }}] }}]
"""
QUESTION = "How often are the points oiled?"
TEXTS = ["The canteen opens at noon.", "Points are oiled every week.", "Trains have wheels."]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("rerank")
    config, pulled = directory / "stellwerk.toml", directory / "weights"
    config.write_text(CONFIG.format(path=made_reranker(directory / "made.gguf")))
    pulled.mkdir()
    for file in weights.iterdir():
        (pulled / file.name).symlink_to(file)
    settings = {"STELLWERK_CONFIG": str(config), "STELLWERK_WEIGHTS_DIR": str(pulled)}
    pull = [*COMMAND, "models", "pull", "reranker"]
    subprocess.run(pull, env={**os.environ, **settings}, check=True)
    with running_server(pulled, **settings) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[OpenAI]:
    with OpenAI(api_key=server.admin_key, base_url=f"{server.url}/v1", max_retries=0) as made:
        yield made


def rerank(client: OpenAI, model: str, **more: Any) -> Any:
    body = {"model": model, "query": QUESTION, "documents": TEXTS, **more}
    return client.post("/rerank", cast_to=httpx.Response, body=body).json()


def test_a_cross_encoder(client: OpenAI) -> None:
    answer = rerank(client, "reranker", return_documents=True)
    scores = [result["relevance_score"] for result in answer["results"]]
    assert answer["model"] == "reranker"
    assert scores == sorted(scores, reverse=True)
    assert {result["index"] for result in answer["results"]} == {0, 1, 2}
    assert all(TEXTS[r["index"]] == r["document"]["text"] for r in answer["results"])


def test_the_starter_model_compares_vectors(client: OpenAI) -> None:
    [best] = rerank(client, EMBEDDING, top_n=1)["results"]
    assert best["index"] == 1


def test_a_store_s_hits_have_the_model_s_scores(client: OpenAI) -> None:
    store = client.vector_stores.create(name="reranked")
    for number, text in enumerate(TEXTS):
        client.vector_stores.files.upload_and_poll(
            vector_store_id=store.id,
            file=(f"{number}.txt", text.encode()),
            poll_interval_ms=100,
        )
    found = client.vector_stores.search(
        store.id,
        query=QUESTION,
        extra_body={"ranking_options": {"ranker": "reranker"}},
    ).data
    told = {r["index"]: r["relevance_score"] for r in rerank(client, "reranker")["results"]}
    places = [int(hit.filename.removesuffix(".txt")) for hit in found]
    assert [hit.score for hit in found] == sorted((h.score for h in found), reverse=True)
    assert [hit.score for hit in found] == pytest.approx([told[n] for n in places], abs=0.02)
