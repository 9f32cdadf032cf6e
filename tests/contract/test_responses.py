"""The official SDK's `responses` before an upstream that a test scripts."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.contract.conftest import TINY
from tests.faults.upstream import Place, upstream
from tests.faults.upstream_scripts import stalls, writes
from tests.scripted import EVENTS, chunk, whole
from tests.server import Server, running_server

TEXT = {"type": "output_text", "text": 'Its "model": "m1".', "annotations": []}
USAGE = {
    "input_tokens": 11,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 18,
}


def response(status: str, *output: dict[str, Any], usage: Any = None) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_790_000_000,
        "status": status,
        "model": "m1",
        "output": list(output),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage,
    }


MESSAGE = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "content": [TEXT],
}
DONE = response("completed", MESSAGE, usage=USAGE)
BEGUN = {"type": "response.created", "sequence_number": 0, "response": response("in_progress")}
PIECE = {
    "type": "response.output_text.delta",
    "sequence_number": 1,
    "item_id": "msg_1",
    "output_index": 0,
    "content_index": 0,
    "delta": TEXT["text"],
    "logprobs": [],
}
END = {"type": "response.completed", "sequence_number": 2, "response": DONE}


def event(data: dict[str, Any]) -> bytes:
    return chunk(f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode())


UPSTREAM = """
[[models]]
id = "{name}"
upstream = {{ url = "{url}", model = "m1" }}
"""
BOTH = """
[[models]]
id = "both"
engine = "llama"
files = [{{ name = "no.gguf", sources = [{{ path = "/nowhere/no.gguf" }}] }}]
targets = [{{ url = "{url}", model = "m1" }}]
"""
SCRIPTS = {
    "whole": writes(whole(json.dumps(DONE).encode())),
    "streamed": writes(EVENTS, event(BEGUN), event(PIECE), event(END), chunk(b"")),
    "cut": writes(EVENTS, event(BEGUN), event(PIECE), b"no size\r\n", pause=0.1),
    "never": stalls(),
}


@pytest.fixture(scope="module")
def places() -> Iterator[dict[str, Place]]:
    with upstream(SCRIPTS) as running:
        yield running


@pytest.fixture(scope="module")
def server(
    places: dict[str, Place], weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    config = tmp_path_factory.mktemp("hub") / "stellwerk.toml"
    entries = [UPSTREAM.format(name=name, url=place.url) for name, place in places.items()]
    config.write_text("".join([*entries, BOTH.format(url=places["whole"].url)]))
    with running_server(weights, STELLWERK_CONFIG=str(config)) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[OpenAI]:
    with OpenAI(api_key=server.admin_key, base_url=f"{server.url}/v2", max_retries=0) as made:
        yield made


def tokens(client: OpenAI, model: str) -> dict[str, float]:
    page = client.get("../metrics", cast_to=str)
    pattern = (
        rf'stellwerk_tokens_total{{kind="(\w+)",model="{model}",operation="responses".*}} (\S+)'
    )
    return {kind: float(count) for kind, count in re.findall(pattern, page)}


def test_a_whole_response(client: OpenAI, places: dict[str, Place]) -> None:
    answer = client.responses.create(
        model="whole",
        input="Say hello.",
        instructions="Be brief.",
        max_output_tokens=64,
        previous_response_id="resp_0",
        metadata={"mine": "1"},
        extra_body={"unknown": {"to": ["us"]}},
    )
    assert answer.output_text == TEXT["text"]
    assert answer.model == "whole"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 18
    assert json.loads(places["whole"].bodies[-1]) == {
        "model": "m1",
        "input": "Say hello.",
        "instructions": "Be brief.",
        "max_output_tokens": 64,
        "previous_response_id": "resp_0",
        "metadata": {"mine": "1"},
        "unknown": {"to": ["us"]},
    }
    assert places["whole"].heads[-1].startswith(b"POST /v1/responses HTTP/1.1")
    assert tokens(client, "whole") == {"prompt": 11, "cached": 4, "completion": 7}


def test_a_stream(client: OpenAI, places: dict[str, Place]) -> None:
    with client.responses.create(model="streamed", input="Say hello.", stream=True) as stream:
        events: list[Any] = list(stream)
    assert [one.type for one in events] == [BEGUN["type"], PIECE["type"], END["type"]]
    assert events[0].response.model == events[2].response.model == "streamed"
    assert events[2].response.usage.output_tokens == 7
    assert json.loads(places["streamed"].bodies[-1]) == {
        "model": "m1",
        "input": "Say hello.",
        "stream": True,
    }
    assert tokens(client, "streamed") == {"prompt": 11, "cached": 4, "completion": 7}


def test_a_stream_that_is_cut_is_an_error(client: OpenAI) -> None:
    with (
        client.responses.create(model="cut", input="Say hello.", stream=True) as stream,
        pytest.raises(openai.APIError),
    ):
        list(stream)
    assert tokens(client, "cut")["completion"] == 2, "an event each is the best guess"


def test_a_local_engine_cannot_do_it(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="engine llama") as caught:
        client.responses.create(model=TINY, input="Say hello.")
    assert caught.value.param == "model"
    named = caught.value.message.partition("Use one of: ")[2]
    assert named.startswith("whole, streamed, cut, never, both.")


def test_a_target_beside_an_engine_can(client: OpenAI) -> None:
    assert client.responses.create(model="both", input="Say hello.").model == "both"


def test_what_nobody_could_fetch_is_refused(client: OpenAI, places: dict[str, Place]) -> None:
    with pytest.raises(openai.BadRequestError, match="stream") as caught:
        client.responses.create(model="never", input="Say hello.", background=True)
    assert caught.value.param == "background"
    assert places["never"].heads == []
