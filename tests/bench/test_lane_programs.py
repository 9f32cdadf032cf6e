"""The load generator finds what is wrong with an answer, so that nothing broken is measured."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.lane.programs import LoadError, Mock, compile_programs, run_load, running_mock
from tests.scripted import EVENTS, JSON, chunk, scripted, whole

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")

GOOD = b'{"usage":{}}'
STREAM = {"lines": 65}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("programs")
    compile_programs(directory)
    return directory


@pytest.fixture
def mock(programs: Path) -> Iterator[Mock]:
    with running_mock(programs) as running:
        yield running


@pytest.mark.parametrize(
    ("body", "options", "lines"),
    [
        ({}, {}, 0),
        ({"stream": True}, STREAM, 65),
        ({"stream": True, "stream_options": {"include_usage": True}}, {"lines": 66}, 66),
        ({"stream": True, "user": "mock-paced"}, {**STREAM, "spread": 0.01}, 65),
        ({"pad": "x" * 30_000}, {"rate": 1000}, 0),
    ],
)
def test_every_answer_of_the_mock_is_right(
    programs: Path, mock: Mock, body: dict[str, object], options: dict[str, float], lines: int
) -> None:
    given = json.dumps(body).encode()
    load = run_load(programs, given, port=mock.port, connections=8, count=20, **options)
    assert (load.requests, load.errors, load.late) == (20, 0, 0)
    assert load.events == 20 * lines
    assert 0 < load.first_p50_us <= load.p50_us <= load.p99_us
    assert mock.counters()["answered"] == 20


def test_a_stream_is_paced(programs: Path, mock: Mock) -> None:
    body = b'{"stream":true,"user":"mock-paced"}'
    load = run_load(programs, body, port=mock.port, connections=1, count=1, lines=65)
    assert load.p50_us > 63 * 5000


def test_cut_streams_are_seen_by_the_mock(programs: Path, mock: Mock) -> None:
    body = b'{"stream":true,"user":"mock-paced"}'
    run_load(programs, body, port=mock.port, connections=4, count=12, lines=65, cut=3)
    counters = mock.counters()
    assert (counters["cut"], counters["answered"], counters["open"]) == (12, 0, 1)


def test_a_stream_of_the_wrong_length_is_an_error(programs: Path, mock: Mock) -> None:
    with pytest.raises(LoadError, match="wrong number of data lines"):
        run_load(programs, b'{"stream":true}', port=mock.port, count=1, connections=1, lines=64)


@pytest.mark.parametrize(
    ("answer", "lines", "complaint"),
    [
        (whole(GOOD, JSON.replace(b"200 OK", b"500 No")), 0, "wrong status"),
        (whole(b"{}"), 0, "has no usage"),
        (whole(GOOD) + b"x", 0, "bytes after the end"),
        (whole(GOOD)[:-1], 0, "was cut"),
        (EVENTS + chunk(b"data: 1\n\n") + chunk(b""), 1, r"does not end with \[DONE\]"),
        (EVENTS + chunk(b"data: [DONE]\n\n") + b"0\r\n", 1, "was cut"),
        (EVENTS + b"x\r\n", 1, "broken chunk"),
        (EVENTS + b"2\r\nabc\r\n0\r\n\r\n", 1, "broken chunk"),
    ],
)
async def test_a_wrong_answer_is_an_error(
    programs: Path, answer: bytes, lines: int, complaint: str
) -> None:
    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    async with scripted(script) as upstream:
        port = int(upstream.url.split(":")[2].split("/")[0])
        options = {"port": port, "count": 1, "connections": 1, "lines": lines}
        with pytest.raises(LoadError, match=complaint):
            await asyncio.to_thread(run_load, programs, b"{}", **options)
