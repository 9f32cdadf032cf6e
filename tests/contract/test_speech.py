"""Text to speech as OpenAI's SDK and plain HTTP clients call it."""

import json
import wave
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import httpx
import openai
import pytest
from openai import AzureOpenAI, OpenAI

from tests.contract.conftest import CHAT, VOICE
from tests.server import Server
from tests.sound import samples, word_errors

TEXT = "The train to Hamburg leaves from platform seven."


@pytest.fixture
def client(server: Server) -> OpenAI:
    return OpenAI(api_key=server.admin_key, base_url=f"{server.url}/v2", max_retries=0)


def test_what_is_spoken_is_heard(client: OpenAI) -> None:
    spoken = client.audio.speech.create(model="tts-1", voice="alloy", input=TEXT)
    assert spoken.response.headers["content-type"] == "audio/mpeg"
    heard = client.audio.transcriptions.create(model="whisper-1", file=("a.mp3", spoken.content))
    assert word_errors(TEXT.replace("seven", "7"), heard.text.replace("seven", "7")) <= 1


def test_streaming_into_a_file(client: OpenAI, tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    with client.audio.speech.with_streaming_response.create(
        model=VOICE, voice="nova", input=TEXT, response_format="wav", speed=1.5
    ) as response:
        assert "content-length" not in response.headers
        response.stream_to_file(path)
    with wave.open(str(path)) as file:
        assert file.getframerate() == 24_000
        assert 1 < len(file.readframes(10**9)) / 2 / 24_000 < 3


def test_events(server: Server) -> None:
    answer = httpx.post(
        f"{server.url}/v2/audio/speech",
        headers={"api-key": server.admin_key},
        json={
            "model": "tts-1",
            "voice": "alloy",
            "input": TEXT,
            "response_format": "opus",
            "stream_format": "sse",
        },
        timeout=60,
    )
    *deltas, done = [json.loads(line[6:]) for line in answer.text.split("\n\n") if line]
    sound = b"".join(b64decode(event["audio"]) for event in deltas)
    assert 2 < len(samples(sound)) / 16_000 < 5
    assert done == {
        "type": "speech.audio.done",
        "usage": {"input_tokens": 12, "output_tokens": 0, "total_tokens": 12},
    }


PREFIXES = ["/v1", "/v2/audio", "/v1/audio", "/audio", "", "/v2/coding", "/queue", "/queue/audio"]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_other_base_urls(server: Server, prefix: str) -> None:
    """All lead to the verb: it is the verb that says what is wrong."""
    answer = httpx.post(
        f"{server.url}{prefix}/audio/speech",
        headers={"api-key": server.admin_key},
        json={"model": "tts-1", "voice": "alloy", "input": "Hello", "speed": 9},
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "speed"


def test_azure_s_client(server: Server) -> None:
    client = AzureOpenAI(
        api_key=server.admin_key, azure_endpoint=f"{server.url}/v2", api_version="2024-06-01"
    )
    spoken = client.audio.speech.create(model="tts-1", voice="alloy", input="Hello.")
    assert len(samples(spoken.content)) > 4000


def test_errors_are_the_sdk_s_own(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="no voice 'bob'"):
        client.audio.speech.create(model="tts-1", voice="bob", input="Hello")
    with pytest.raises(openai.BadRequestError, match="at most 4096"):
        client.audio.speech.create(model="tts-1", voice="alloy", input="a" * 4097)
    with pytest.raises(openai.BadRequestError, match=VOICE):
        client.audio.speech.create(model=CHAT, voice="alloy", input="Hello")
    with pytest.raises(openai.BadRequestError, match="cannot do /audio/transcriptions"):
        client.audio.transcriptions.create(model="tts-1", file=("a.wav", b"x"))


def test_the_list_of_models_says_what_it_is(client: OpenAI) -> None:
    meta = client.models.retrieve("tts-1").model_dump()["meta_data"]
    assert (meta["model_type"], meta["output_modalities"]) == ("TTS", ["audio"])
    assert "robotic" in meta["display_name"]
    assert VOICE not in [
        model.id for model in client.with_options(base_url=f"{client.base_url}audio").models.list()
    ]


def test_the_queue_keeps_sounds(server: Server) -> None:
    with OpenAI(api_key=server.admin_key, base_url=f"{server.url}/queue") as client:
        spoken = client.audio.speech.create(
            model="tts-1", voice="alloy", input=TEXT, response_format="wav"
        )
        assert spoken.response.headers["content-type"] == "audio/wav"
        with wave.open(BytesIO(spoken.content)) as file:
            assert 2 < len(file.readframes(10**9)) / 2 / 24_000 < 5
        place = spoken.response.headers["location"]
        again = httpx.get(f"{server.url}{place}/result", headers={"api-key": server.admin_key})
        assert (again.headers["content-type"], again.content) == ("audio/wav", spoken.content)
