"""Cross-encoders, on weights made here."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from stellwerk.base.errors import InvalidRequestError
from stellwerk.engines.llama.gguf import Header, Value
from stellwerk.engines.llama.rerank.spec import SPEC
from stellwerk.engines.llama.spec import SPEC as LLAMA
from stellwerk.ports.engines import Launch
from tests.engines.child import Child, connect, running, start
from tests.engines.llama.conftest import TINY, Client
from tests.engines.llama.reranker import LONGEST, made_reranker

QUERY = "how often are the points oiled"
TEXTS = ["oil them weekly", "the canteen opens at noon", "a train", "weekly oil is enough for them"]


@pytest.fixture(scope="session")
def reranker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_reranker(tmp_path_factory.mktemp("reranker") / "reranker.gguf")


@pytest.fixture(scope="session")
def child(tmp_path_factory: pytest.TempPathFactory, reranker: Path) -> Iterator[Child]:
    with running("llama.rerank", tmp_path_factory.mktemp("r"), reranker) as started:
        yield started


@pytest_asyncio.fixture
async def client(child: Child) -> AsyncIterator[Client]:
    async with connect(child.socket) as session:
        yield Client(session)


async def rerank(client: Client, texts: list[Any] = TEXTS, **more: Any) -> dict[str, Any]:
    return await client.post("/v1/rerank", **{"query": QUERY, "documents": texts, **more})


def scores(answer: dict[str, Any]) -> dict[int, float]:
    return {result["index"]: result["relevance_score"] for result in answer["results"]}


async def test_the_best_come_first(client: Client) -> None:
    answer = await rerank(client)
    found = [result["relevance_score"] for result in answer["results"]]
    assert found == sorted(found, reverse=True)
    assert set(scores(answer)) == {0, 1, 2, 3}
    assert all(0 < score < 1 for score in found)
    assert len(set(found)) == 4
    assert answer["model"] == "named"
    assert answer["usage"]["prompt_tokens"] == answer["usage"]["total_tokens"] > 40
    assert all(result.keys() == {"index", "relevance_score"} for result in answer["results"])


async def test_a_score_is_of_the_question_and_the_text(client: Client) -> None:
    together = scores(await rerank(client))
    for place, text in enumerate(TEXTS):
        assert scores(await rerank(client, [text]))[0] == pytest.approx(together[place], abs=0.01)
    turned = scores(await rerank(client, TEXTS[::-1]))
    assert [turned[3 - n] for n in range(4)] == pytest.approx(
        [together[n] for n in range(4)], abs=0.01
    )
    other = scores(await rerank(client, query="when does the canteen open"))
    assert other != pytest.approx(together, abs=0.01)


async def test_as_many_as_asked_for_with_their_texts(client: Client) -> None:
    texts: list[Any] = [TEXTS[0], {"text": TEXTS[1]}]
    answer = await rerank(client, texts, top_n=1, return_documents=True)
    [best] = answer["results"]
    assert best["document"] == {"text": TEXTS[best["index"]]}
    assert len((await rerank(client, top_n=9))["results"]) == 4


async def test_a_long_text_is_read_as_far_as_it_fits(client: Client) -> None:
    long = "weekly oil " * 400
    answer = await rerank(client, [long, long + "and more", "x"])
    assert answer["results"][0]["relevance_score"] == answer["results"][1]["relevance_score"]
    assert LONGEST < answer["usage"]["prompt_tokens"] <= 2 * LONGEST + 64


async def test_what_looks_like_special_tokens_is_text(client: Client) -> None:
    marks = "[SEP]" * 300
    answer = await rerank(client, [marks, "a"], query="how " + "[SEP]" * 60)
    assert set(scores(answer)) == {0, 1}
    spaces = scores(await rerank(client, ["a " * 480 + " " * 1_000_000, "a " * 480]))
    assert spaces[0] == pytest.approx(spaces[1], abs=0.01)


async def test_who_hangs_up_leaves_no_work_behind(client: Client, child: Child) -> None:
    texts = ["oil " * 100 + str(number) for number in range(1000)]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await rerank(client, texts)
    process = psutil.Process(child.process.pid)
    before = process.cpu_times().user
    assert len((await rerank(client))["results"]) == 4
    await asyncio.sleep(1)
    # All thousand take many seconds.
    assert process.cpu_times().user - before < 1.5


async def test_many_texts(client: Client) -> None:
    texts = [f"{'oil ' * (number % 7)}{chr(97 + number % 26)}" for number in range(300)]
    found = scores(await rerank(client, texts))
    assert len(found) == 300
    assert found[0] == pytest.approx(found[182], abs=0.01)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"query": "how " * 400}, "query"),
        ({"query": ""}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": ["a", 7]}, "documents[1]"),
        ({"documents": ["a", {"text": ""}]}, "documents[1]"),
        ({"top_n": 0}, "top_n"),
    ],
)
async def test_bad_input_names_the_field(client: Client, body: dict[str, Any], param: str) -> None:
    error = await client.refusal("/v1/rerank", **{"query": QUERY, "documents": TEXTS, **body})
    assert error["param"] == param


def test_what_is_no_reranker_is_refused(weights: Path, reranker: Path, tmp_path: Path) -> None:
    launch = Launch("m", "llama-rerank", (str(weights / TINY),))
    with pytest.raises(InvalidRequestError, match="no model that reranks"):
        SPEC.describe(launch)
    with pytest.raises(InvalidRequestError, match="llama-rerank"):
        LLAMA.describe(Launch("m", "llama", (str(reranker),)))
    with pytest.raises(InvalidRequestError, match="slots"):
        SPEC.describe(Launch("m", "llama-rerank", (str(reranker),), {"slots": 0}))
    child = start("llama.rerank", tmp_path, weights / TINY)
    assert "no model that reranks" in child.first_word()["error"]
    assert child.end() == 1


@pytest.mark.parametrize(
    ("scoring", "ranks"),
    [
        ({}, False),
        ({"cls.weight": 64 * 64}, False),
        ({"cls.weight": 64}, True),
        ({"cls.weight": 64 * 64, "cls.output.weight": 64}, True),
    ],
)
def test_a_layer_before_the_last_is_no_score(scoring: dict[str, int], ranks: bool) -> None:
    values: dict[str, Value] = {"general.architecture": "bert", "bert.embedding_length": 64}
    assert Header(values, scoring=scoring).ranks is ranks


def test_what_the_header_says(reranker: Path) -> None:
    made = SPEC.describe(Launch("m", "llama-rerank", (str(reranker),)))
    assert (made.context, made.embedding) == (LONGEST, 0)
    short = SPEC.describe(Launch("m", "llama-rerank", (str(reranker),), {"context": 256}))
    assert short.context == 256
    assert made.footprint > short.footprint > reranker.stat().st_size
