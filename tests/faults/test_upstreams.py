"""Upstreams that misbehave: what the client gets, what is counted, and that nothing is leaked."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.faults.test_lifecycle import until
from tests.faults.upstream import Place, upstream
from tests.faults.upstream_scripts import ANSWER, BIG, BIG_EVENT, DONE, EVENT, SCRIPTS, stream
from tests.server import Server, running_server

ENTRY = """
[[models]]
id = "{name}"
upstream = {{ url = "{url}"{limits} }}
"""
NOBODY = "http://127.0.0.1:1/v1"
LIMITS = ", timeout = 1, idle_timeout = 1"

CHAT = "/v2/chat/completions"

Places = dict[str, Place]


@pytest.fixture(scope="module")
def places() -> Iterator[Places]:
    with upstream(SCRIPTS) as running:
        yield running


@pytest.fixture(scope="module")
def server(places: Places, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A hub without engines, with a model for each script."""
    directory = tmp_path_factory.mktemp("hub")
    config = directory / "stellwerk.toml"
    urls = {"nobody": NOBODY, **{name: place.url for name, place in places.items()}}
    config.write_text(
        "starter_models = false\n"
        + "".join(
            ENTRY.format(name=name, url=url, limits=LIMITS if "stalls" in name else "")
            for name, url in urls.items()
        )
    )
    with running_server(directory, STELLWERK_CONFIG=str(config)) as running:
        yield running


@pytest.fixture(scope="module")
def hub(server: Server) -> Iterator[httpx.Client]:
    headers = {"api-key": server.admin_key}
    with httpx.Client(base_url=server.url, headers=headers, timeout=5) as client:
        yield client


@pytest.fixture(autouse=True)
def _healthy_afterwards(hub: httpx.Client, places: Places) -> Iterator[None]:
    """Nothing hangs on in the hub or at the upstream, and the hub answers as before."""
    yield
    assert ask(hub, "good").content == ANSWER
    until(lambda: in_flight(hub) == 0, 10)
    until(lambda: all(place.open <= 1 for place in places.values()), 10)


def body_for(model: str, **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "Hello"}], **fields}


def ask(hub: httpx.Client, model: str, **fields: Any) -> httpx.Response:
    return hub.post(CHAT, json=body_for(model, **fields))


def read_stream(hub: httpx.Client, model: str) -> bytes:
    """The whole stream. Raises httpx's error when it does not end as HTTP says."""
    answer = ask(hub, model, stream=True)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    return answer.content


def in_flight(hub: httpx.Client) -> float:
    return sum(
        float(line.rpartition(" ")[2])
        for line in exposition(hub)
        if line.startswith("stellwerk_requests_in_flight{")
    )


def counted(hub: httpx.Client, model: str) -> dict[int, int]:
    """How many calls of `model` were counted with each status."""
    found = {}
    for line in exposition(hub):
        if line.startswith("stellwerk_requests_total{") and f'model="{model}"' in line:
            status = re.search(r'status="(\d+)"', line)
            assert status
            found[int(status[1])] = int(float(line.rpartition(" ")[2]))
    return found


def exposition(hub: httpx.Client) -> list[str]:
    return hub.get("/metrics").text.splitlines()


@pytest.mark.parametrize(
    ("model", "body"),
    [
        ("good", ANSWER),
        ("slow", ANSWER),
        ("by-the-byte", ANSWER),
        ("early-hints", ANSWER),
        ("ends-by-close", ANSWER),
        ("huge", BIG),
    ],
)
def test_an_odd_but_right_answer_arrives_whole(hub: httpx.Client, model: str, body: bytes) -> None:
    answer = ask(hub, model)
    assert answer.status_code == 200
    assert answer.content == body
    assert answer.headers["content-type"] == "application/json"
    assert 200 in counted(hub, model)


@pytest.mark.parametrize(
    ("model", "statuses"),
    [
        ("nobody", {502, 503}),
        ("closes-at-once", {502, 503}),
        ("closes-in-head", {502, 503}),
        ("closes-in-body", {502}),
        ("resets-at-once", {502, 503}),
        ("resets-in-body", {502}),
        ("garbage", {502, 503}),
        ("wrong-version", {502, 503}),
        ("two-lengths", {502, 503}),
        ("negative-length", {502, 503}),
        ("broken-chunk", {502}),
        ("endless-headers", {502, 503}),
        ("endless-header", {502, 503}),
        ("redirects", {502}),
        ("stalls-before-head", {504}),
        ("stalls-in-head", {504}),
        ("stalls-in-body", {502, 504}),
    ],
)
def test_no_right_answer_becomes_an_error_that_says_so(
    hub: httpx.Client, places: Places, model: str, statuses: set[int]
) -> None:
    answer = ask(hub, model)
    assert answer.status_code in statuses
    error = answer.json()["error"]
    assert error["message"] == answer.json()["detail"]
    assert error["code"].startswith("upstream_")
    assert "127.0.0.1" not in answer.text, "an address of the inside is told to nobody"
    assert counted(hub, model) == {answer.status_code: 1}
    if model in places:
        assert len(places[model].heads) == 1, "a call that may have run is not repeated"
        if model != "redirects":
            until(lambda: places[model].open == 0, 10)


def test_a_limit_of_the_upstream_is_told_with_its_time(hub: httpx.Client) -> None:
    answer = ask(hub, "limited")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "7"
    assert answer.json()["error"]["message"] == "It is overloaded."
    assert counted(hub, "limited") == {429: 1}


def test_after_a_failure_the_next_call_is_tried(hub: httpx.Client, places: Places) -> None:
    assert ask(hub, "fails-once").status_code == 502
    assert ask(hub, "fails-once").content == ANSWER
    assert counted(hub, "fails-once") == {502: 1, 200: 1}
    assert len(places["fails-once"].heads) == 2


def test_what_follows_an_answer_is_never_taken_for_the_next(hub: httpx.Client) -> None:
    first = ask(hub, "more-than-said")
    assert first.status_code in {200, 502}
    assert first.status_code == 502 or first.content == ANSWER
    assert [ask(hub, "more-than-said").content for _ in range(3)] == [ANSWER] * 3


def test_connections_are_kept_and_used_again(hub: httpx.Client, places: Places) -> None:
    for _ in range(5):
        assert ask(hub, "good").status_code == 200
    assert places["good"].opened == 1


def test_a_pooled_connection_that_was_closed_is_replaced(hub: httpx.Client, places: Places) -> None:
    for _ in range(4):
        assert ask(hub, "closes-when-idle").content == ANSWER
        until(lambda: places["closes-when-idle"].open == 0)
    assert counted(hub, "closes-when-idle") == {200: 4}


def test_a_pooled_connection_that_closes_as_we_write_is_replaced(
    hub: httpx.Client, places: Places
) -> None:
    assert ask(hub, "closes-as-we-write").content == ANSWER
    assert ask(hub, "closes-as-we-write").content == ANSWER
    assert places["closes-as-we-write"].opened == 2
    assert counted(hub, "closes-as-we-write") == {200: 2}


@pytest.mark.parametrize(
    ("model", "body"),
    [
        ("good-stream", stream(3)),
        ("stream-by-the-byte", stream(3)),
        ("stream-in-odd-writes", stream(2)),
        ("stream-huge", BIG_EVENT + DONE),
        ("stream-ends-by-close", stream(3)),
    ],
)
def test_a_stream_arrives_byte_for_byte(hub: httpx.Client, model: str, body: bytes) -> None:
    assert read_stream(hub, model) == body
    assert counted(hub, model) == {200: 1}


@pytest.mark.parametrize(
    "model",
    [
        "stream-closes",
        "stream-resets",
        "stream-breaks",
        "stream-stalls",
    ],
)
def test_a_stream_that_is_cut_ends_with_an_error_event(
    hub: httpx.Client, places: Places, model: str
) -> None:
    events = [event for event in read_stream(hub, model).split(b"\n\n") if event]
    assert events[:3] == [(EVENT % number).strip() for number in range(3)]
    name, data = events[3].split(b"\n")
    assert name == b"event: error"
    error = json.loads(data.removeprefix(b"data: "))["error"]
    assert error["code"].startswith("upstream_")
    assert len(events) == 4, "no half event before the error and nothing after it"
    [status] = counted(hub, model)
    assert status in {502, 504}
    until(lambda: places[model].open == 0, 10)


def test_a_client_that_hangs_up_in_mid_stream_ends_the_call(
    hub: httpx.Client, places: Places
) -> None:
    with hub.stream("POST", CHAT, json=body_for("stream-endless", stream=True)) as answer:
        next(answer.iter_bytes())
    until(lambda: places["stream-endless"].open == 0, 10)
    until(lambda: counted(hub, "stream-endless") == {499: 1}, 10)


def test_a_client_that_hangs_up_before_the_answer_ends_the_call(
    hub: httpx.Client, places: Places
) -> None:
    before = len(places["stalls-before-head"].heads)
    with pytest.raises(httpx.ReadTimeout):
        hub.post(CHAT, json=body_for("stalls-before-head"), timeout=0.3)
    assert len(places["stalls-before-head"].heads) == before + 1
    until(lambda: places["stalls-before-head"].open == 0, 10)
    until(lambda: 499 in counted(hub, "stalls-before-head"), 10)


def test_the_log_is_free_of_accidents(server: Server) -> None:
    """Runs last: whatever the upstreams did was foreseen."""
    assert not [line for line in server.output if "Traceback" in line or "unexpected" in line]
