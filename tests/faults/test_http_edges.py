"""HTTP/1.1 at its edges, written by hand to the sockets of the hub's verbs."""

import json
import socket
import time
from collections.abc import Iterator
from functools import partial

import httpx
import psutil
import pytest

from tests.faults.raw import Reply, Wire, wire_to
from tests.faults.test_lifecycle import family, until
from tests.faults.test_upstreams import Places, counted, in_flight
from tests.faults.upstream import upstream
from tests.faults.upstream_scripts import ANSWER, SCRIPTS, stream
from tests.server import Server, running_server

PATH = b"/v2/chat/completions"
USED = ("good", "good-stream", "slow", "stalls-before-head", "stream-endless")
MIB = 2**20


@pytest.fixture(scope="module")
def places() -> Iterator[Places]:
    with upstream({name: SCRIPTS[name] for name in USED}) as running:
        yield running


@pytest.fixture(scope="module")
def server(places: Places, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("hub")
    config = directory / "stellwerk.toml"
    entry = '[[models]]\nid = "{}"\nupstream = {{ url = "{}" }}\n'
    models = "".join(entry.format(name, place.url) for name, place in places.items())
    config.write_text(f"starter_models = false\nmax_body = 1000000\n{models}")
    with running_server(directory, STELLWERK_CONFIG=str(config)) as running:
        yield running


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    with wire_to(server.url) as connected:
        yield connected


@pytest.fixture(scope="module")
def hub(server: Server) -> Iterator[httpx.Client]:
    headers = {"api-key": server.admin_key}
    with httpx.Client(base_url=server.url, headers=headers, timeout=5) as client:
        yield client


@pytest.fixture(autouse=True)
def _healthy_afterwards(server: Server, hub: httpx.Client) -> Iterator[None]:
    yield
    until(lambda: in_flight(hub) == 0, 10)
    with wire_to(server.url) as fresh:
        fresh.send(request(server))
        assert fresh.reply().body == ANSWER


def body_for(model: str, **fields: object) -> bytes:
    return json.dumps({"model": model, "messages": [], **fields}).encode()


GOOD = body_for("good")


def head(
    server: Server,
    *headers: bytes,
    method: bytes = b"POST",
    target: bytes = PATH,
    version: bytes = b"HTTP/1.1",
) -> bytes:
    lines = (
        b"%b %b %b" % (method, target, version),
        b"host: hub",
        b"content-type: application/json",
        b"authorization: Bearer %b" % server.admin_key.encode(),
        *headers,
    )
    return b"\r\n".join(lines) + b"\r\n\r\n"


def sized(body: bytes) -> bytes:
    return b"content-length: %d" % len(body)


def request(server: Server, body: bytes = GOOD, *headers: bytes, **line: bytes) -> bytes:
    return head(server, sized(body), *headers, **line) + body


def refused(wire: Wire, *statuses: int) -> Reply:
    """The answer is an error, and the connection ends with it."""
    reply = wire.reply()
    assert reply.status in statuses
    assert wire.at_end()
    return reply


# ---- what has to work ---------------------------------------------------------------------------


def test_a_connection_is_kept(server: Server, wire: Wire) -> None:
    for _ in range(5):
        wire.send(request(server))
        reply = wire.reply()
        assert (reply.status, reply.body) == (200, ANSWER)
        assert reply.headers["content-length"] == str(len(ANSWER))
        assert reply.headers["x-request-id"]


def test_it_closes_when_the_client_asks_for_it(server: Server, wire: Wire) -> None:
    wire.send(request(server, GOOD, b"connection: close"))
    reply = wire.reply()
    assert (reply.body, reply.headers["connection"]) == (ANSWER, "close")
    assert wire.at_end()


def test_a_stream_keeps_the_connection(server: Server, wire: Wire) -> None:
    for _ in range(2):
        wire.send(request(server, body_for("good-stream", stream=True)))
        reply = wire.reply()
        assert reply.headers["transfer-encoding"] == "chunked"
        assert reply.body == stream(3)
        wire.send(request(server))
        assert wire.reply().body == ANSWER


def test_after_an_error_the_connection_is_kept(server: Server, wire: Wire) -> None:
    wire.send(request(server, b'{"model": "none-such"}'))
    assert wire.reply().status == 404
    wire.send(request(server, b"{"))
    assert wire.reply().status == 400
    wire.send(request(server))
    assert wire.reply().body == ANSWER


@pytest.mark.parametrize("pause", [0, 0.002])
def test_a_request_may_come_in_pieces(server: Server, wire: Wire, pause: float) -> None:
    data = request(server)
    wire.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for place in range(len(data)):
        wire.send(data[place : place + 1])
        time.sleep(pause)
    assert wire.reply().body == ANSWER


def test_pipelined_requests_are_answered_in_order_or_refused(server: Server, wire: Wire) -> None:
    """Whoever sends a second request early gets its answer after the first, or a closed line."""
    wire.send(request(server, body_for("slow")) + request(server, b'{"model": "none-such"}'))
    first = wire.reply()
    assert (first.status, first.body) == (200, ANSWER)
    try:
        assert wire.reply().status in {404, 400}
    except (EOFError, ConnectionResetError):
        assert wire.at_end()


def test_empty_lines_before_a_request_are_passed_over(server: Server, wire: Wire) -> None:
    wire.send(b"\r\n\r\n", request(server))
    assert wire.reply().body == ANSWER


def test_a_chunked_body_is_put_together(server: Server, wire: Wire) -> None:
    chunks = b"".join(b"%x;note=1\r\n%c\r\n" % (1, byte) for byte in GOOD)
    wire.send(head(server, b"transfer-encoding: chunked"), chunks, b"0\r\nx-trailer: 1\r\n\r\n")
    assert wire.reply().body == ANSWER
    wire.send(request(server))
    assert wire.reply().body == ANSWER


def test_a_client_that_waits_for_continue_is_told_to(server: Server, wire: Wire) -> None:
    wire.send(head(server, sized(GOOD), b"expect: 100-continue"))
    assert wire.interim() == b"HTTP/1.1 100 Continue"
    wire.send(GOOD)
    assert wire.reply().body == ANSWER


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(server: Server, wire: Wire) -> None:
    wire.send(head(server, b"content-length: 1000001", b"expect: 100-continue"))
    reply = wire.reply()
    assert (reply.status, reply.error["code"]) == (413, "body_too_large")


def test_a_chunked_body_that_grows_too_large_is_refused(server: Server, wire: Wire) -> None:
    chunk = b"186a0\r\n" + b" " * 100_000 + b"\r\n"
    wire.send(head(server, b"transfer-encoding: chunked"))
    try:
        for _ in range(11):
            wire.send(chunk)
        assert wire.reply().status == 413
    except (BrokenPipeError, ConnectionResetError) as error:
        raise AssertionError("the answer was lost with the connection") from error


def test_http_1_0_gets_its_answer_and_the_end(server: Server, wire: Wire) -> None:
    wire.send(request(server, version=b"HTTP/1.0"))
    reply = wire.reply()
    assert (reply.status, reply.body) == (200, ANSWER)
    assert wire.at_end()


def test_a_stream_to_http_1_0_is_not_chunked(server: Server, wire: Wire) -> None:
    wire.send(request(server, body_for("good-stream", stream=True), version=b"HTTP/1.0"))
    reply = wire.reply()
    assert "transfer-encoding" not in reply.headers
    assert reply.body == stream(3)


@pytest.mark.parametrize(
    "target",
    [
        b"/v2/chat/completions?api-version=2024-10-21",
        b"/v2/chat%2Fcompletions",
        b"/v2/%63hat/completions",
        b"http://hub/v2/chat/completions",
        b"/v1/chat/completions",
        b"/v2/openai/deployments/good/chat/completions",
    ],
)
def test_the_same_place_may_be_written_in_many_ways(
    server: Server, wire: Wire, target: bytes
) -> None:
    wire.send(request(server, target=target))
    assert wire.reply().body == ANSWER


def test_other_methods_are_refused_in_the_one_form(server: Server, wire: Wire) -> None:
    for method in (b"GET", b"PUT", b"DELETE", b"OPTIONS"):
        wire.send(head(server, method=method))
        reply = wire.reply()
        assert reply.status == 405
        assert reply.error["type"] == "invalid_request_error"
    wire.send(head(server, method=b"HEAD"))
    assert wire.reply(to_head=True).status == 405
    wire.send(request(server))
    assert wire.reply().body == ANSWER


# ---- what has to be refused ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        [b"content-length: 4", b"transfer-encoding: chunked"],
        [b"transfer-encoding: chunked", b"content-length: 4"],
        [b"content-length: 4", b"content-length: 5"],
        [b"content-length: -4"],
        [b"content-length: +4"],
        [b"content-length: 4x"],
        [b"content-length: 4, 4"],
        [b"content-length: 99999999999999999999999"],
        [b"transfer-encoding: chunked, identity"],
        [b"transfer-encoding: xchunked"],
        [b"transfer-encoding : chunked"],
    ],
    ids=lambda lines: b" and ".join(lines).decode(),
)
def test_a_body_of_doubtful_length_is_refused(
    server: Server, wire: Wire, lines: list[bytes]
) -> None:
    """Two servers that disagree on where a request ends can be fed another's request."""
    wire.send(head(server, *lines), b"0\r\n\r\n")
    refused(wire, 400, 501)


@pytest.mark.parametrize("size", [b"-1", b"0x4", b"zz", b"", b"fffffffffffffffff"])
def test_a_broken_chunk_is_refused(server: Server, wire: Wire, size: bytes) -> None:
    wire.send(head(server, b"transfer-encoding: chunked"), size + b"\r\nabcd\r\n0\r\n\r\n")
    refused(wire, 400, 413)


@pytest.mark.parametrize(
    "data",
    [
        b"POST /v2/chat/completions\r\n\r\n",
        b"BREW /v2/chat/completions HTTP/1.1\r\nhost: hub\r\n\r\n",
        b"POST /v2/chat completions HTTP/1.1\r\nhost: hub\r\n\r\n",
        b"POST /v2/chat/completions HTTP/9.9\r\nhost: hub\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"POST /v2/chat/completions HTTP/1.1\r\nhost: hub\r\n folded: yes\r\n\r\n",
        b"POST /v2/chat/completions HTTP/1.1\r\nhost: hub\r\nno colon\r\n\r\n",
        b"POST /v2/chat/completions HTTP/1.1\r\nhost: hub\r\nx: a\x00b\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused(wire: Wire, data: bytes) -> None:
    wire.send(data)
    refused(wire, 400, 405, 501, 505)


@pytest.mark.parametrize(
    "data",
    [b"x-long: " + b"x" * MIB, b"x-more: of the same\r\n" * (MIB // 20)],
    ids=["one", "many"],
)
def test_headers_without_end_are_refused(server: Server, wire: Wire, data: bytes) -> None:
    wire.sock.settimeout(3)
    try:
        wire.send(head(server)[:-2] + data)
        refused(wire, 400, 431)
    except (BrokenPipeError, ConnectionResetError):
        pass


@pytest.mark.parametrize("between", ["/v2/models", "/health/live"])
def test_a_large_body_counts_for_its_own_request_alone(hub: httpx.Client, between: str) -> None:
    """On one connection, with requests between that the framework answers."""
    said = [{"role": "user", "content": "x" * 200_000}]
    for _ in range(3):
        asked = hub.post("/v2/chat/completions", json={"model": "good", "messages": said})
        assert asked.status_code == 200, asked.text
        assert hub.get(between).status_code == 200


def test_what_follows_a_body_is_no_part_of_it(server: Server, wire: Wire) -> None:
    """The client gets its answer, or at once the complaint about what came after its request."""
    wire.send(request(server) + b"too much\r\n\r\n")
    reply = wire.reply()
    if reply.status == 200:
        assert reply.body == ANSWER
        refused(wire, 400)
    else:
        assert reply.status == 400
        assert wire.at_end()


# ---- clients that are slow or go away -----------------------------------------------------------


def test_a_client_that_has_said_all_may_close_its_half(server: Server, wire: Wire) -> None:
    """It may get its answer or a closed line, but the call must not run on for ever."""
    wire.send(request(server, body_for("slow")))
    wire.sock.shutdown(socket.SHUT_WR)
    try:
        assert wire.reply().body == ANSWER
    except (EOFError, ConnectionResetError):
        assert wire.at_end()


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_client_that_leaves_in_its_request_reaches_no_model(
    server: Server, places: Places, part: float
) -> None:
    data, before = request(server), len(places["good"].heads)
    with wire_to(server.url) as wire:
        wire.send(data[: int(len(data) * part)])
    assert len(places["good"].heads) == before


def test_a_client_that_leaves_before_the_answer_ends_the_call(
    server: Server, hub: httpx.Client, places: Places
) -> None:
    place = places["stalls-before-head"]
    with wire_to(server.url) as wire:
        wire.send(request(server, body_for("stalls-before-head")))
        until(lambda: len(place.heads) == 1, 10)
    until(lambda: place.open == 0, 10)
    until(lambda: counted(hub, "stalls-before-head") == {499: 1}, 10)


def test_a_slow_reader_makes_the_upstream_wait(server: Server, places: Places) -> None:
    """The hub keeps little of a stream that nobody takes, and the upstream notices."""
    hub = next(process for process in family(server) if process.cmdline()[-1] == "hub")
    before, place = _resident(hub), places["stream-endless"]
    with wire_to(server.url, receive_buffer=4096) as wire:
        wire.send(request(server, body_for("stream-endless", stream=True)))
        until(lambda: place.open == 1, 10)
        until(partial(_rests, hub), 20)
        assert _resident(hub) - before < 32 * MIB
        assert len(wire.sock.recv(1000)) > 0
    until(lambda: place.open == 0, 10)


def _resident(process: psutil.Process) -> int:
    size: int = process.memory_info().rss
    return size


def _rests(process: psutil.Process) -> bool:
    """Whether a process does nothing to speak of for a while."""
    before = sum(process.cpu_times()[:2])
    time.sleep(0.5)
    return sum(process.cpu_times()[:2]) - before < 0.1
