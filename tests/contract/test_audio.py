"""The audio verbs as OpenAI's SDK, Azure's and plain HTTP clients call them."""

import json
import time

import httpx
import numpy as np
import openai
import psutil
import pytest
from openai import AzureOpenAI, OpenAI

from tests.contract.conftest import CHAT, SPEECH, STARTERS
from tests.server import Server
from tests.sound import AUSTEN, austen, encoded, samples, word_errors

CLIP = "austen-0880.flac"
FILE = ("clip.flac", austen(CLIP))


@pytest.fixture
def client(server: Server) -> OpenAI:
    return OpenAI(api_key=server.admin_key, base_url=f"{server.url}/v2", max_retries=0)


def heard(text: str) -> bool:
    return word_errors(AUSTEN[CLIP], text) == 0


def test_a_transcription_in_every_form(client: OpenAI) -> None:
    plain = client.audio.transcriptions.create(model="whisper-1", file=FILE)
    assert heard(plain.text)
    assert plain.usage is not None
    text = client.audio.transcriptions.create(model=SPEECH, file=FILE, response_format="text")
    assert heard(text)
    for form in ("srt", "vtt"):
        raw = client.audio.transcriptions.with_raw_response.create(
            model=SPEECH, file=FILE, response_format=form
        )
        assert "00:00:00" in raw.text
        assert json.loads(raw.headers["x-usage"])["seconds"] == 3
    verbose = client.audio.transcriptions.create(
        model="whisper-1",
        file=FILE,
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert verbose.segments
    assert verbose.words
    assert [word.word.lower() for word in verbose.words][:2] == ["he", "was"]
    assert verbose.duration == pytest.approx(2.99, abs=0.02)


def test_a_stream(client: OpenAI) -> None:
    stream = client.audio.transcriptions.create(
        model="whisper-1", file=FILE, stream=True, include=["logprobs"]
    )
    *deltas, done = list(stream)
    assert sum(len(event.model_dump()["logprobs"]) for event in deltas) >= 8
    assert done.type == "transcript.text.done"
    assert heard(done.text)
    assert (
        "".join(event.delta for event in deltas if event.type == "transcript.text.delta")
        == done.text
    )


BASES = {"/v2/audio": [SPEECH], "/audio": [SPEECH], "/v1": STARTERS, "/v2/coding": STARTERS}


@pytest.mark.parametrize("base", BASES)
def test_the_sdk_below_every_base_url(server: Server, base: str) -> None:
    with OpenAI(api_key=server.admin_key, base_url=f"{server.url}{base}", max_retries=0) as client:
        assert {model.id for model in client.models.list()} == set(BASES[base])
        assert heard(client.audio.transcriptions.create(model="whisper-1", file=FILE).text)
        translated = client.audio.translations.create(model="whisper-1", file=FILE)
        assert translated.model_dump()["task"] == "translate"


PREFIXES = ["/v1", "/v2/audio", "/v1/audio", "/audio", "", "/v2/coding", "/queue", "/queue/audio"]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("verb", ["transcriptions", "translations"])
def test_other_base_urls(server: Server, prefix: str, verb: str) -> None:
    """All lead to the verb: it is the verb that says what is wrong."""
    answer = httpx.post(
        f"{server.url}{prefix}/audio/{verb}",
        headers={"api-key": server.admin_key},
        files={"file": ("a.mp3", b"no sound")},
        data={"model": "whisper-1", "temperature": "7"},
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "temperature"


def test_azure_s_client(server: Server) -> None:
    client = AzureOpenAI(
        api_key=server.admin_key, azure_endpoint=f"{server.url}/v2", api_version="2024-06-01"
    )
    assert heard(client.audio.transcriptions.create(model="whisper-1", file=FILE).text)


def test_errors_are_the_sdk_s_own(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="not a recording"):
        client.audio.transcriptions.create(model="whisper-1", file=("a.mp3", b"PK\3\4" * 100))
    with pytest.raises(openai.BadRequestError, match="does not know 'tlh'"):
        client.audio.transcriptions.create(model="whisper-1", file=FILE, language="tlh")
    with pytest.raises(openai.BadRequestError, match=SPEECH):
        client.audio.transcriptions.create(model=CHAT, file=FILE)
    with pytest.raises(openai.BadRequestError, match="gpt-4o-transcribe-diarize"):
        client.audio.transcriptions.create(
            model="whisper-1", file=FILE, response_format="diarized_json"
        )


def test_who_hangs_up_is_no_longer_heard(server: Server) -> None:
    """The model rests, though the recording would have kept it busy for minutes."""
    long = encoded(np.concatenate([samples(austen(name)) for name in AUSTEN] * 20), "flac")
    with httpx.Client(base_url=server.url, headers={"api-key": server.admin_key}) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post(
                "/v2/audio/transcriptions",
                files={"file": ("a.flac", long)},
                data={"model": "whisper-1"},
                timeout=httpx.Timeout(60, read=3),
            )
        [engine] = [
            child
            for child in psutil.Process(server.process.pid).children(recursive=True)
            if "stellwerk.engines.speech" in child.cmdline()
        ]
        for _ in range(120):
            before = engine.cpu_times().user
            time.sleep(0.5)
            if engine.cpu_times().user - before < 0.02:
                return
    pytest.fail("the engine still works for a client that has gone")


def test_the_wrong_kind_of_body(server: Server) -> None:
    headers = {"api-key": server.admin_key}
    for path, body in (
        ("audio/transcriptions", {"json": {"model": "whisper-1"}}),
        ("chat/completions", {"files": {"model": ("a", b"b")}}),
    ):
        answer = httpx.post(f"{server.url}/v2/{path}", headers=headers, **body)
        assert answer.status_code == 415
        assert answer.json()["error"]["code"] == "media_type"


def test_the_queue_takes_recordings(server: Server) -> None:
    with OpenAI(api_key=server.admin_key, base_url=f"{server.url}/queue") as client:
        assert heard(client.audio.transcriptions.create(model="whisper-1", file=FILE).text)


def test_the_queue_tells_how_far_a_recording_is(server: Server) -> None:
    long = encoded(np.concatenate([samples(austen(name)) for name in AUSTEN] * 5), "flac")
    seen = []
    with httpx.Client(base_url=server.url, headers={"api-key": server.admin_key}) as client:
        put = client.post(
            "/queue/audio/transcriptions",
            headers={"prefer": "respond-async"},
            files={"file": ("a.flac", long)},
            data={"model": "whisper-1", "language": "en"},
        ).json()
        assert put["progress"] is None
        while (told := client.get(f"/queue/requests/{put['id']}").json())["status"] != "completed":
            assert told["status"] in {"queued", "running"}, told
            seen.append(told["progress"])
            time.sleep(0.2)
    shares = [share for share in dict.fromkeys(seen) if share is not None]
    assert shares == sorted(shares)
    assert 0 < shares[0] < 1
    assert told["progress"] == 1
