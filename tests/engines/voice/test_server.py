"""What is spoken is heard again by Whisper."""

import asyncio
import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from stellwerk.engines.speech.job import Job
from stellwerk.engines.speech.listener import Listener, Progress
from tests.engines.child import Child
from tests.engines.voice.conftest import LONGEST
from tests.sound import samples, word_errors, words

ENGLISH = (
    "Every train passes it, and it decides which engine goes on which track. "
    "Would you please tell me when the next train leaves? I have to be there before noon."
)
GERMAN = "Eine kleine Katze sitzt auf dem Tisch und trinkt Milch. Das Wetter ist heute schön."
PCM_RATE = 24_000


@pytest.fixture(scope="module")
def listener(weights: Path) -> Iterator[Listener]:
    names = ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt")
    made = Listener({name: weights / f"whisper-base.{name}" for name in names}, 2, 5)
    yield made
    made.close()


async def heard(listener: Listener, file: bytes, language: str) -> str:
    job = Job(file, "transcribe", "json", language=language)
    segments = listener.hear(job, Progress(), 600)
    return "".join([found.segment.text async for found in segments])


async def speak(client: aiohttp.ClientSession, text: str, **fields: Any) -> tuple[str, bytes]:
    body = {"model": "tts-1", "voice": "alloy", "input": text, **fields}
    async with client.post("/v1/audio/speech", json=body) as answer:
        assert answer.status == 200, await answer.text()
        return answer.content_type, await answer.read()


async def test_english_is_understood(client: aiohttp.ClientSession, listener: Listener) -> None:
    content_type, file = await speak(client, ENGLISH)
    assert content_type == "audio/mpeg"
    text = await heard(listener, file, "en")
    assert word_errors(ENGLISH, text) <= 0.1 * len(words(ENGLISH)), text


async def test_a_german_text_gets_a_german_voice(
    client: aiohttp.ClientSession, listener: Listener
) -> None:
    _, file = await speak(client, GERMAN, response_format="flac")
    text = await heard(listener, file, "de")
    assert word_errors(GERMAN, text) <= 0.4 * len(words(GERMAN)), text
    _, misread = await speak(client, GERMAN, response_format="flac", voice="joe")
    other = await heard(listener, misread, "de")
    assert word_errors(GERMAN, other) > word_errors(GERMAN, text), other


@pytest.mark.parametrize(
    ("form", "content_type"),
    [("opus", "audio/opus"), ("aac", "audio/aac"), ("wav", "audio/wav"), ("flac", "audio/flac")],
)
async def test_forms(client: aiohttp.ClientSession, form: str, content_type: str) -> None:
    told, file = await speak(client, "On platform seven.", response_format=form)
    assert told == content_type
    assert 0.5 < len(samples(file)) / 16_000 < 4


@pytest.mark.parametrize("voice", ["joe", "espeak-de"])
@pytest.mark.parametrize("speed", [0.25, 2, 4])
async def test_speed(client: aiohttp.ClientSession, voice: str, speed: float) -> None:
    async def seconds(at: float) -> float:
        _, sound = await speak(client, GERMAN, response_format="pcm", voice=voice, speed=at)
        return len(sound) / 2 / PCM_RATE

    assert await seconds(speed) == pytest.approx(await seconds(1) / speed, rel=0.3)


async def test_sound_comes_before_the_text_is_done(client: aiohttp.ClientSession) -> None:
    text = " ".join(f"This is sentence number {number}." for number in range(60))
    body = {"model": "m", "voice": "joe", "input": text, "response_format": "pcm"}
    async with client.post("/v1/audio/speech", json=body) as answer:
        first = await answer.content.readany()
        assert np.frombuffer(first[: len(first) // 2 * 2], "<i2").any()
        assert not answer.content.at_eof()
        # Another request need not wait for the end of this one.
        await asyncio.wait_for(speak(client, "Short."), 20)
        assert not answer.content.at_eof()


async def test_events_hold_the_same_sound(client: aiohttp.ClientSession) -> None:
    fields = {"response_format": "wav", "voice": "espeak-en"}
    _, sound = await speak(client, ENGLISH, **fields)
    content_type, stream = await speak(client, ENGLISH, stream_format="sse", **fields)
    assert content_type == "text/event-stream"
    *deltas, done = [json.loads(line[6:]) for line in stream.decode().split("\n\n") if line]
    joined = b"".join(b64decode(event["audio"]) for event in deltas)
    # No voice says anything twice in the very same way.
    assert joined[:44] == sound[:44]
    assert len(joined) == pytest.approx(len(sound), rel=0.02)
    assert {event["type"] for event in deltas} == {"speech.audio.delta"}
    assert done["type"] == "speech.audio.done"
    assert done["usage"]["total_tokens"] == -(-len(ENGLISH) // 4)


@pytest.mark.parametrize("voice", ["alloy", "espeak-fr", "espeak-en-gb"])
async def test_french_is_spoken(client: aiohttp.ClientSession, voice: str) -> None:
    text = "Bonjour, le train pour Hambourg partira dans cinq minutes."
    _, sound = await speak(client, text, response_format="pcm", voice=voice)
    assert 2 < len(sound) / 2 / PCM_RATE < 8


async def test_commands_in_a_text_change_nothing_for_the_next_one(
    client: aiohttp.ClientSession,
) -> None:
    fields = {"response_format": "pcm", "voice": "espeak-en"}
    _, before = await speak(client, ENGLISH, **fields)
    await speak(client, "Hello \x01450S \x0190H \x0199P there.", **fields)
    _, after = await speak(client, ENGLISH, **fields)
    assert len(after) == pytest.approx(len(before), rel=0.01)


async def test_a_sentence_without_end_takes_no_memory_without_end(
    client: aiohttp.ClientSession, child: Child
) -> None:
    """Said in one breath it takes 1.7 GB. As much as 500 MB are reserved for it."""
    _, sound = await speak(
        client,
        "The quick brown fox jumps over the lazy dog and " * 6,
        voice="joe",
        speed=0.25,
        response_format="pcm",
    )
    assert len(sound) / 2 / PCM_RATE > 40
    status = Path(f"/proc/{child.process.pid}/status").read_text()
    [most] = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
    assert most < 620 * 1024


@pytest.mark.parametrize(
    ("fields", "param", "says"),
    [
        ({"voice": "bob"}, "voice", "It has joe, espeak"),
        ({"voice": None}, "voice", "Expected"),
        ({"voice": {"id": "bob"}}, "voice", "no voice 'bob'"),
        ({"input": ""}, "input", "length"),
        ({"input": " ?! \n"}, "input", "nothing that can be spoken"),
        ({"input": "a" * (LONGEST + 1)}, "input", f"at most {LONGEST}"),
        ({"response_format": "midi"}, "response_format", "aac, flac, mp3, opus, pcm, wav"),
        ({"speed": 5}, "speed", "4"),
        ({"stream_format": "chunks"}, "stream_format", "audio, sse"),
        ({"instructions": "Whisper."}, "instructions", "gpt-4o-mini-tts"),
        ({"language": "tlh"}, "language", "does not speak"),
    ],
)
async def test_refusals(
    client: aiohttp.ClientSession, fields: dict[str, Any], param: str, says: str
) -> None:
    body = {"model": "m", "voice": "alloy", "input": "Hello.", **fields}
    async with client.post("/v1/audio/speech", json=body) as answer:
        assert answer.status == 400
        error = (await answer.json())["error"]
    assert error["param"] == param
    assert says in error["message"]


@pytest.mark.parametrize(
    "text", ["\0", "a\0b", "<speak>x</speak>", "[[x]]", "👩‍👩‍👧", "a" * 2000, "(en)", "1e400 %%% ∞"]
)
async def test_odd_texts_do_no_harm(client: aiohttp.ClientSession, text: str) -> None:
    for voice in ("joe", "espeak-de"):
        body = {"model": "m", "voice": voice, "input": text}
        async with client.post("/v1/audio/speech", json=body) as answer:
            assert answer.status in {200, 400}
            await answer.read()
    assert len((await speak(client, "Still here."))[1]) > 1000
