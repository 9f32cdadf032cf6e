"""Streams that are cut: by the client, by the engine's death, by a stop of the server."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import psutil
import pytest
from openai import OpenAI

from tests.contract.conftest import TINY
from tests.faults.test_lifecycle import family, until
from tests.server import Server, running_server, start_server

LONG: Any = [{"role": "user", "content": "Write down all numbers from one to one thousand."}]


@pytest.fixture(scope="module")
def server(weights: Any) -> Iterator[Server]:
    with running_server(weights) as running:
        yield running


def client_of(server: Server) -> OpenAI:
    return OpenAI(api_key=server.admin_key, base_url=f"{server.url}/v2", max_retries=0)


def leases(server: Server) -> int:
    answer = httpx.get(f"{server.url}/admin/engines", headers={"api-key": server.admin_key})
    return sum(engine["leases"] for engine in answer.json()["engines"])


def engine_of(server: Server) -> psutil.Process:
    return next(p for p in family(server) if p.cmdline()[-1] == "stellwerk.engines.llama")


def test_a_client_that_hangs_up_frees_the_slot(server: Server) -> None:
    with client_of(server) as client:
        for _ in range(8):
            stream = client.chat.completions.create(
                model=TINY, messages=LONG, stream=True, max_tokens=2000, temperature=0
            )
            next(iter(stream))
            stream.close()
        until(lambda: leases(server) == 0)
        answer = client.chat.completions.create(model=TINY, messages=LONG, max_tokens=2)
    assert answer.usage is not None

    def is_idle() -> bool:
        engine = engine_of(server)
        before = sum(engine.cpu_times()[:2])
        time.sleep(0.5)
        return sum(engine.cpu_times()[:2]) - before < 0.1

    until(is_idle)


def test_an_engine_that_dies_in_mid_stream_ends_it_with_an_error_and_comes_back(
    server: Server,
) -> None:
    with client_of(server) as client:
        stream = client.chat.completions.create(
            model=TINY, messages=LONG, stream=True, max_tokens=2000, temperature=0
        )
        next(iter(stream))
        engine_of(server).kill()
        with pytest.raises(openai.APIError, match="middle"):
            for _ in stream:
                pass
    body = {"model": TINY, "messages": LONG, "max_tokens": 2}
    refusals: list[httpx.Response] = []

    def recovered() -> bool:
        answer = httpx.post(
            f"{server.url}/v2/chat/completions",
            json=body,
            headers={"api-key": server.admin_key},
            timeout=60,
        )
        if answer.status_code != 200:
            refusals.append(answer)
        return answer.status_code == 200

    until(recovered)
    assert all(answer.status_code == 503 for answer in refusals)
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refusals)


def test_a_stop_lets_a_stream_finish(weights: Any) -> None:
    with running_server(weights, STELLWERK_SHUTDOWN_GRACE="120") as server:
        body = {"model": TINY, "messages": LONG, "max_tokens": 40, "stream": True}
        lines: list[str] = []
        begun = threading.Event()

        def read() -> None:
            with httpx.stream(
                "POST",
                f"{server.url}/v2/chat/completions",
                json=body,
                headers={"api-key": server.admin_key},
                timeout=120,
            ) as answer:
                for line in answer.iter_lines():
                    lines.append(line)
                    begun.set()

        reader = threading.Thread(target=read)
        reader.start()
        assert begun.wait(60)
        assert server.stop() == 0
        reader.join(60)
    events = [line for line in lines if line]
    assert events[-1] == "data: [DONE]"
    assert json.loads(events[-2][6:])["choices"][0]["finish_reason"] in {"length", "stop"}


def test_a_stop_without_grace_cuts_a_stream_with_an_error(weights: Any, data_dir: Any) -> None:
    server = start_server(data_dir, weights, STELLWERK_SHUTDOWN_GRACE="0")
    with client_of(server) as client:
        stream = client.chat.completions.create(
            model=TINY, messages=LONG, stream=True, max_tokens=2000, temperature=0
        )
        next(iter(stream))
        assert server.stop() == 0
        with pytest.raises(openai.APIError, match="shutting down"):
            for _ in stream:
                pass
