import asyncio
import base64
import contextlib
from pathlib import Path

import numpy as np
import psutil
import pytest

from stellwerk.engines.e5.spec import weights
from tests.engines.child import Child, connect, start
from tests.engines.e5.conftest import LIMIT, Client

LONG = [f"Der Zug Nummer {number} fährt über die Brücke." for number in range(400)]


async def test_one_text(client: Client) -> None:
    answer = await client.post(input="Wo liegt Hamburg?")
    assert answer["object"] == "list"
    assert answer["model"] == "e5"
    [item] = answer["data"]
    assert item["object"] == "embedding"
    assert item["index"] == 0
    assert len(item["embedding"]) == 384
    assert np.linalg.norm(item["embedding"]) == pytest.approx(1, abs=1e-5)
    assert answer["usage"]["prompt_tokens"] == answer["usage"]["total_tokens"] > 4


async def test_many_texts_keep_their_order(client: Client) -> None:
    answer = await client.post(input=["a", "query: b", "c"])
    assert [item["index"] for item in answer["data"]] == [0, 1, 2]
    for place, given in enumerate(["a", "query: b", "c"]):
        alone = await client.post(input=given)
        assert alone["data"][0]["embedding"] == answer["data"][place]["embedding"]


async def test_the_tokens_of_each_text_are_told_when_asked_for(client: Client) -> None:
    texts = ["a", "Wo liegt Hamburg an der Elbe?"]
    answer = await client.post(input=texts, usage_per_input=True)
    counts = [(await client.post(input=text))["usage"]["prompt_tokens"] for text in texts]
    assert answer["usage"]["inputs"] == counts
    assert answer["usage"]["prompt_tokens"] == sum(counts)
    assert "inputs" not in (await client.post(input=texts))["usage"]


@pytest.mark.long
async def test_as_many_texts_as_one_request_takes(client: Client) -> None:
    answer = await client.post(input=[str(number) for number in range(2048)])
    assert [item["index"] for item in answer["data"]] == list(range(2048))


async def test_input_type_and_prefix_mean_the_same(client: Client) -> None:
    typed = await client.post(input="Wo?", input_type="query")
    prefixed = await client.post(input="query: Wo?")
    passage = await client.post(input="Wo?")
    assert typed["data"] == prefixed["data"]
    assert typed["usage"] == prefixed["usage"]
    assert typed["data"] != passage["data"]


async def test_base64_holds_the_same_numbers(client: Client) -> None:
    floats = await client.post(input="Gleis", encoding_format="float")
    encoded = await client.post(input="Gleis", encoding_format="base64")
    decoded = np.frombuffer(base64.b64decode(encoded["data"][0]["embedding"]), dtype="<f4")
    assert decoded.tolist() == floats["data"][0]["embedding"]


async def test_dimensions(client: Client) -> None:
    assert len((await client.post(input="a", dimensions=384))["data"][0]["embedding"]) == 384
    status, error = await client.refusal(input="a", dimensions=128)
    assert (status, error["param"]) == (400, "dimensions")
    assert "384" in error["message"]


@pytest.mark.parametrize(
    ("given", "param"),
    [(["a", ""], "input[1]"), ([7, 8], "input"), (None, "input"), (["a", {}], "input[1]")],
)
async def test_bad_input_names_the_field(client: Client, given: object, param: str) -> None:
    status, error = await client.refusal(input=given)
    assert (status, error["param"]) == (400, param)


async def test_the_secret_is_asked_for(engine: Child) -> None:
    async with (
        connect(engine.socket, "wrong") as session,
        session.post("/v1/embeddings", json={"model": "e5", "input": "a"}) as answer,
    ):
        assert answer.status == 401


async def test_a_short_request_does_not_wait_for_a_long_one(client: Client) -> None:
    long = asyncio.create_task(client.post(input=LONG))
    await asyncio.sleep(0.2)
    await client.post(input="kurz")
    assert not long.done()
    long.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await long


async def test_a_client_that_hangs_up_stops_the_work(client: Client, engine: Child) -> None:
    process = psutil.Process(engine.process.pid)
    long = asyncio.create_task(client.post(input=LONG * 5))
    await asyncio.sleep(0.3)
    long.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await long
    await until_idle(process)


async def until_idle(process: psutil.Process) -> None:
    """Wait until the process uses no processor time; far less than 2,000 texts need."""
    async with asyncio.timeout(10):
        spent = -1.0
        while spent != (spent := process.cpu_times().user):
            await asyncio.sleep(0.5)


async def test_asked_to_stop_it_finishes_its_requests(tmp_path: Path) -> None:
    child = start("e5", tmp_path, threads=1)
    assert child.first_word() == {"ready": True}
    async with asyncio.timeout(LIMIT), connect(child.socket) as session:
        running = asyncio.create_task(Client(session).post(input=LONG[:48]))
        await asyncio.sleep(0.05)
        assert not running.done()
        child.process.terminate()
        assert len((await running)["data"]) == 48
    assert await asyncio.to_thread(child.end) == 0


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    child = start("e5", tmp_path, threads=1)
    assert child.first_word() == {"ready": True}
    assert child.end() == 0


def test_bad_weights_are_told_to_the_parent(tmp_path: Path) -> None:
    bad = tmp_path / "bad.bin"
    bad.write_bytes(b"nothing")
    child = start("e5", tmp_path, bad)
    assert "does not hold weights" in child.first_word()["error"]
    assert child.end() == 1


def test_a_given_file_is_used(tmp_path: Path) -> None:
    given = tmp_path / "e5-small-q4.bin"
    given.symlink_to(weights(()))
    child = start("e5", tmp_path, given)
    assert child.first_word() == {"ready": True}
    maps = {Path(each.path).name for each in psutil.Process(child.process.pid).memory_maps()}
    assert child.end() == 0
    assert "e5-small-q4.bin" in maps


async def test_texts_in_the_order_of_their_likeness(client: Client) -> None:
    texts = [
        "Die Kantine öffnet um zwölf.",
        {"text": "Weichen werden jede Woche geölt."},
        "query: x",
    ]
    body = {"query": "Wie oft ölt man Weichen?", "documents": texts, "return_documents": True}
    status, answer = await client.send("/v1/rerank", **body)
    assert status == 200
    first, *others = answer["results"]
    assert (first["index"], first["document"]) == (1, texts[1])
    assert [one["relevance_score"] for one in answer["results"]] == sorted(
        (one["relevance_score"] for one in answer["results"]), reverse=True
    )
    asked = (await client.post(input=body["query"], input_type="query"))["data"][0]["embedding"]
    read = (await client.post(input="Weichen werden jede Woche geölt."))["data"][0]["embedding"]
    assert first["relevance_score"] == pytest.approx(np.dot(asked, read), abs=1e-3)
    assert len(others) == 2
    assert answer["usage"]["prompt_tokens"] > 20


@pytest.mark.parametrize(
    ("wrong", "param"),
    [({"query": ""}, "query"), ({"documents": ["a", ""]}, "documents[1]"), ({"top_n": 0}, "top_n")],
)
async def test_an_order_s_bad_input_names_the_field(
    client: Client, wrong: dict[str, object], param: str
) -> None:
    body = {"query": "a", "documents": ["b"], **wrong}
    status, answer = await client.send("/v1/rerank", **body)
    assert (status, answer["error"]["param"]) == (400, param)
