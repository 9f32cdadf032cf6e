"""The queue when its processes die or sleep, with real ones."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import openai
import psutil
import pytest
from openai import OpenAI

from stellwerk.base.settings import Settings
from stellwerk.compose.database import embedded_postgres
from tests.object_store import free_ports
from tests.server import Server, running_server

MODEL = "slow"
ANSWER = b'{"object":"chat.completion","choices":[],"usage":{"prompt_tokens":1}}'
ASYNC = {"Prefer": "respond-async"}


class Upstream:
    """A model's server in this process: it answers when `go` is set, and counts what it got."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked: list[str] = []
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                upstream.asked.append(body["messages"][0]["content"])
                if body.get("stream"):
                    self.stream()
                    return
                upstream.go.wait(60)
                with suppress(ConnectionError):
                    self.answer()

            def stream(self) -> None:
                """Three events, and three more when the test says so."""
                with suppress(ConnectionError):
                    self.send_response(200)
                    self.send_header("content-type", "text/event-stream")
                    self.end_headers()
                    for number in range(6):
                        if number == 3:
                            upstream.go.wait(60)
                        event = {"choices": [{"delta": {"content": str(number)}}]}
                        self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
                        self.wfile.flush()
                    self.wfile.write(b"data: [DONE]\n\n")
                self.close_connection = True

            def answer(self) -> None:
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(ANSWER)))
                self.end_headers()
                self.wfile.write(ANSWER)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/v1"


@contextmanager
def receiver(statuses: list[int]) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A client's own server: its URL, and what it got. It answers these statuses, then 204."""
    got: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(statuses.pop(0) if statuses else 204)
            self.send_header("content-length", "0")
            self.end_headers()
            got.append((dict(self.headers), sent))

        def log_message(self, *_: object) -> None:
            pass

    taking = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=taking.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{taking.server_port}/hook", got
    taking.shutdown()
    thread.join()
    taking.server_close()


@pytest.fixture(scope="module")
def running_upstream() -> Iterator[Upstream]:
    made = Upstream()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.go.set()
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def upstream(running_upstream: Upstream) -> Upstream:
    running_upstream.go.clear()
    running_upstream.asked.clear()
    return running_upstream


def models(upstream: Upstream) -> str:
    return json.dumps([{"id": MODEL, "upstream": {"url": upstream.url}}])


@pytest.fixture(scope="module")
def server(
    running_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    weights = tmp_path_factory.mktemp("weights")
    settings = {
        "STELLWERK_MODELS": models(running_upstream),
        "STELLWERK_FETCH__ALLOW": '["127.0.0.1/32"]',
    }
    with running_server(weights, **settings) as running:
        yield running


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {server.admin_key}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=120) as made:
        yield made


def child(server: Server, last: str) -> psutil.Process:
    """The child of the server whose command ends with this word."""
    children = psutil.Process(server.process.pid).children()
    return next(each for each in children if each.cmdline()[-1:] == [last])


def until(true: Callable[[], bool], seconds: float = 90) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.05)


def body(text: str) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}]}


def post(http: httpx.Client, text: str, **headers: str) -> str:
    asked = http.post("/queue/chat/completions", json=body(text), headers=ASYNC | headers)
    assert asked.status_code == 202, asked.text
    return str(asked.headers["location"])


def request(http: httpx.Client, place: str) -> dict[str, Any]:
    found: dict[str, Any] = http.get(place).json()
    return found


@contextmanager
def asleep(process: psutil.Process) -> Iterator[None]:
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@contextmanager
def more_worker(server: Server, upstream: Upstream) -> Iterator[None]:
    environment = {
        **os.environ,
        "STELLWERK_DATA_DIR": str(server.data_dir),
        "STELLWERK_MODELS": models(upstream),
    }
    process = subprocess.Popen([sys.executable, "-m", "stellwerk", "worker"], env=environment)
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(60) == 0


@contextmanager
def worker_elsewhere(server: Server, upstream: Upstream, data_dir: Path) -> Iterator[str]:
    """A worker with nothing but the server's database, and the URL of its metrics."""
    port = free_ports(1)[0]
    postgres = embedded_postgres(Settings(data_dir=server.data_dir), lambda _: None)
    assert postgres is not None
    environment = {
        **os.environ,
        "STELLWERK_DATA_DIR": str(data_dir),
        "STELLWERK_DATABASE__URL": postgres.dsn,
        "STELLWERK_MODELS": models(upstream),
    }
    command = [sys.executable, "-m", "stellwerk", "worker", "--metrics-port", str(port)]
    process = subprocess.Popen(command, env=environment)
    try:
        yield f"http://127.0.0.1:{port}/metrics"
    finally:
        process.terminate()
        assert process.wait(60) == 0


def test_a_worker_elsewhere_has_metrics_of_its_own(
    server: Server, http: httpx.Client, upstream: Upstream, data_dir: Path
) -> None:
    upstream.go.set()
    with (
        asleep(child(server, "queue-worker")),
        worker_elsewhere(server, upstream, data_dir) as metrics,
    ):
        place = post(http, "elsewhere")
        assert http.get(f"{place}/result", params={"wait": 60}).content == ANSWER
        counted = f'stellwerk_requests_total{{model="{MODEL}",operation="chat.completions"'
        until(lambda: counted in httpx.get(metrics).text)


def test_a_killed_worker_s_request_runs_once_more(
    server: Server, http: httpx.Client, upstream: Upstream
) -> None:
    place = post(http, "killed worker")
    until(lambda: upstream.asked == ["killed worker"])
    child(server, "queue-worker").kill()
    until(lambda: len(upstream.asked) == 2)
    upstream.go.set()
    assert http.get(f"{place}/result", params={"wait": 60}).content == ANSWER
    ended = request(http, place)
    assert (ended["status"], ended["attempts"]) == ("completed", 2)
    assert upstream.asked == ["killed worker"] * 2


def test_a_killed_worker_s_request_is_charged_once(
    server: Server, http: httpx.Client, upstream: Upstream
) -> None:
    key = server.command("keys", "create", "charged").strip()
    with httpx.Client(
        base_url=server.url, headers={"Authorization": f"Bearer {key}"}, timeout=120
    ) as caller:
        place = post(caller, "charged once")
        until(lambda: upstream.asked == ["charged once"])
        child(server, "queue-worker").kill()
        until(lambda: len(upstream.asked) == 2)
        upstream.go.set()
        assert caller.get(f"{place}/result", params={"wait": 60}).content == ANSWER

    def charged() -> list[int]:
        groups = http.get("/admin/usage", params={"group_by": "key"}).json()["data"]
        return [group["requests"] for group in groups if group["key_name"] == "charged"]

    until(lambda: bool(charged()))
    time.sleep(2)
    assert charged() == [1]


def test_a_stream_is_read_on_after_the_hub_was_killed(
    server: Server, http: httpx.Client, upstream: Upstream
) -> None:
    asked = body("stream on") | {"stream": True}
    place = http.post("/queue/chat/completions", json=asked, headers=ASYNC).headers["location"]
    first: list[str] = []
    with suppress(httpx.TransportError), http.stream("GET", f"{place}/events") as answer:
        for line in answer.iter_lines():
            first += [line] if line else []
            if line and len(first) == 6:
                child(server, "hub").kill()
    until(lambda: http.get("/health/live").status_code == 200)
    upstream.go.set()
    ids = [line[4:] for line in first if line.startswith("id: ")]
    rest = http.get(f"{place}/events", headers={"Last-Event-ID": ids[-1]}).text
    said = [json.loads(line[6:]) for line in first if line.startswith("data: {")]
    said += [json.loads(line[6:]) for line in rest.splitlines() if line.startswith("data: {")]
    texts = [each["choices"][0]["delta"]["content"] for each in said]
    assert texts == ["0", "1", "2", "3", "4", "5"]
    assert upstream.asked == ["stream on"]


def test_a_killed_hub_s_callers_come_back_without_a_second_run(
    server: Server, http: httpx.Client, upstream: Upstream
) -> None:
    answers: list[Any] = []
    given: Any = body("killed hub")

    def ask() -> None:
        with OpenAI(
            api_key=server.admin_key, base_url=f"{server.url}/queue", max_retries=5
        ) as client:
            answers.append(client.chat.completions.create(**given))

    callers = [threading.Thread(target=ask) for _ in range(2)]
    for caller in callers:
        caller.start()
    until(lambda: len(upstream.asked) == 2)
    child(server, "hub").kill()
    # Connections wait in the listening socket until there is a hub again.
    until(lambda: http.get("/health/live").status_code == 200)
    upstream.go.set()
    for caller in callers:
        caller.join(60)
    assert [answer.object for answer in answers] == ["chat.completion"] * 2
    assert upstream.asked == ["killed hub"] * 2
    listed = http.get("/queue/requests", params={"limit": 2}).json()["data"]
    assert [each["attempts"] for each in listed] == [1, 1]


def test_a_worker_that_sleeps_beyond_its_lease_changes_nothing(
    server: Server, http: httpx.Client, upstream: Upstream
) -> None:
    place = post(http, "asleep")
    until(lambda: len(upstream.asked) == 1)
    with asleep(child(server, "queue-worker")), more_worker(server, upstream):
        until(lambda: len(upstream.asked) == 2)
        upstream.go.set()
        assert http.get(f"{place}/result", params={"wait": 60}).content == ANSWER
        before = request(http, place)
        assert before["attempts"] == 2
    until(lambda: any("begins anew" in line for line in server.output))
    assert request(http, place) == before
    # Awake again, it goes on working.
    place = post(http, "awake")
    assert http.get(f"{place}/result", params={"wait": 60}).content == ANSWER


def test_a_restart_of_the_database_loses_nothing(
    server: Server, http: httpx.Client, upstream: Upstream
) -> None:
    places = [post(http, f"restart {number}") for number in range(20)]
    until(lambda: len(upstream.asked) == 4)
    postmaster = int((server.data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
    # Immediate shutdown: it recovers as after a crash, when it is started again.
    psutil.Process(postmaster).send_signal(signal.SIGQUIT)
    upstream.go.set()

    def all_done() -> bool:
        found = [http.get(place) for place in places]
        return all(each.is_success and each.json()["status"] == "completed" for each in found)

    until(all_done)
    assert sorted(set(upstream.asked)) == sorted(f"restart {number}" for number in range(20))


def test_a_revoked_key_s_request_is_cancelled(
    server: Server, http: httpx.Client, upstream: Upstream
) -> None:
    key = server.command("keys", "create", "gone").strip()
    with asleep(child(server, "queue-worker")):
        place = post(http, "revoked", Authorization=f"Bearer {key}")
        server.command("keys", "revoke", "gone")
    name = place.rsplit("/", 1)[1]
    until(lambda: any(name in line and '"cancelled"' in line for line in server.output))
    assert upstream.asked == []


def test_cancel_frees_the_model(server: Server, http: httpx.Client, upstream: Upstream) -> None:
    places = [post(http, f"cancel {number}") for number in range(5)]
    until(lambda: len(upstream.asked) == 4)
    running = [place for place in places if request(http, place)["status"] == "running"]
    [waiting] = set(places) - set(running)
    http.post(f"{running[0]}/cancel")
    until(lambda: request(http, running[0])["status"] == "cancelled")
    until(lambda: request(http, waiting)["status"] == "running")
    upstream.go.set()
    for place in places:
        http.get(f"{place}/result", params={"wait": 60})
    ends = [request(http, place)["status"] for place in places]
    assert sorted(ends) == ["cancelled"] + ["completed"] * 4


def test_a_webhook_survives_its_worker(
    server: Server, http: httpx.Client, upstream: Upstream
) -> None:
    upstream.go.set()
    secret = json.loads(server.command("queue", "webhook-secret", "default", "--json"))[0]["secret"]
    with receiver([500, 204]) as (url, got):
        place = post(http, "told", **{"X-Queue-Webhook": url})
        until(lambda: len(got) == 1)
        child(server, "queue-worker").kill()
        until(lambda: len(got) == 2, 300)
        until(lambda: request(http, place)["webhook"]["status"] == "delivered")
    with OpenAI(api_key="unused") as client:
        for headers, sent in got:
            client.webhooks.verify_signature(sent, headers, secret=secret)
    assert {headers["webhook-id"] for headers, _ in got} == {got[0][0]["webhook-id"]}
    assert len({sent for _, sent in got}) == 1


def test_the_hold_ends_with_a_place_to_ask(
    running_upstream: Upstream, upstream: Upstream, tmp_path: Path
) -> None:
    settings = {"STELLWERK_MODELS": models(running_upstream), "STELLWERK_QUEUE__HOLD": "0.3"}
    given: Any = body("hold")
    with (
        running_server(tmp_path, **settings) as server,
        OpenAI(api_key=server.admin_key, base_url=f"{server.url}/queue", max_retries=0) as client,
    ):
        with pytest.raises(openai.APIStatusError) as caught:
            client.chat.completions.create(**given)
        response = caught.value.response
        assert (response.status_code, response.headers["x-should-retry"]) == (408, "true")
        assert response.headers["location"] in str(caught.value)
        timer = threading.Timer(2, upstream.go.set)
        timer.start()
        patient = client.with_options(max_retries=30)
        assert patient.chat.completions.create(**given).object == "chat.completion"
        timer.join()
    # The first call gave up; all repetitions of the second waited for one request.
    assert 1 <= len(upstream.asked) <= 2


def test_a_batch_survives_its_workers(
    server: Server, http: httpx.Client, upstream: Upstream
) -> None:
    """Killed again and again: each line is in the output once, and is asked for once, but for
    those that were under way when a worker died."""
    upstream.go.set()
    count, kills = 600, 3
    url = "/v1/chat/completions"
    lines = [
        {"custom_id": str(n), "method": "POST", "url": url, "body": body(f"line {n}")}
        for n in range(count)
    ]
    data = "".join(json.dumps(line) + "\n" for line in lines)
    file = http.post("/v1/files", files={"file": ("in.jsonl", data)}, data={"purpose": "batch"})
    asked = {"input_file_id": file.json()["id"], "endpoint": url, "completion_window": "24h"}
    place = f"/v1/batches/{http.post('/v1/batches', json=asked).json()['id']}"
    for number in range(kills):
        until(lambda number=number: len(upstream.asked) > (number + 1) * 120)  # type: ignore[misc]
        child(server, "queue-worker").kill()
    until(lambda: bool(request(http, place)["completed_at"]), 200)
    batch = request(http, place)
    assert batch["request_counts"] == {"total": count, "completed": count, "failed": 0}
    output = http.get(f"/v1/files/{batch['output_file_id']}/content").text.splitlines()
    names = [int(json.loads(line)["custom_id"]) for line in output]
    assert sorted(names) == list(range(count))
    # Four run at a time.
    assert len(upstream.asked) <= count + 4 * kills
