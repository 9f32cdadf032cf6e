import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from stellwerk.engines.speech.answer import Transcript, clock, event
from stellwerk.engines.speech.job import Job
from stellwerk.engines.speech.listener import Heard, Progress
from stellwerk.wire.audio import TextDelta, Word


def transcript(form: str, **job: Any) -> Transcript:
    made = Transcript(Job(b"", "transcribe", form, **job), Progress("de", 4.25))
    deltas(made)
    return made


def deltas(made: Transcript) -> list[TextDelta]:
    """What two segments add to the text."""
    return [made.add(heard) for heard in SEGMENTS]


def segments() -> Iterator[Heard]:
    for number, text in enumerate((" Gleis sieben.", " Bitte --> \n\neinsteigen.")):
        segment = SimpleNamespace(
            text=text,
            tokens=[1, 2, 3],
            seek=0,
            temperature=0.0,
            avg_logprob=-0.5,
            compression_ratio=1.0,
            no_speech_prob=0.0,
            words=[SimpleNamespace(word=text, probability=0.5)],
        )
        said = [Word(word=text.strip(), start=number * 2.0, end=number * 2 + 1.5)]
        yield Heard(number * 2.0, number * 2 + 1.5, segment, said)


SEGMENTS = list(segments())


def test_json_says_what_the_service_s_does() -> None:
    body, content_type = transcript("json").body()
    assert content_type == "application/json"
    assert json.loads(body) == {
        "text": "Gleis sieben. Bitte --> \n\neinsteigen.",
        "task": "transcribe",
        "language": "de",
        "duration": 4.25,
        "usage": {
            "type": "tokens",
            "seconds": 5,
            "output_tokens": 6,
            "completion_tokens": 6,
            "total_tokens": 6,
            "input_tokens": 0,
            "prompt_tokens": 0,
        },
    }


def test_verbose_json() -> None:
    told = json.loads(transcript("verbose_json", words=True).body()[0])
    assert [segment["id"] for segment in told["segments"]] == [0, 1]
    assert told["segments"][1]["start"] == 2.0
    assert told["words"][0] == {"word": "Gleis sieben.", "start": 0.0, "end": 1.5}
    assert told["usage"]["type"] == "duration"
    assert "words" not in json.loads(transcript("verbose_json").body()[0])
    assert "segments" not in json.loads(transcript("verbose_json", segments=False).body()[0])


def test_logprobs_are_of_words() -> None:
    told = json.loads(transcript("json", logprobs=True).body()[0])
    assert told["logprobs"][0]["token"] == " Gleis sieben."
    assert round(told["logprobs"][0]["logprob"], 3) == -0.693


def test_subtitles() -> None:
    srt, content_type = transcript("srt").body()
    assert content_type == "text/plain"
    assert srt.decode() == (
        "1\n00:00:00,000 --> 00:00:01,500\nGleis sieben.\n\n"
        "2\n00:00:02,000 --> 00:00:03,500\nBitte -> einsteigen.\n"
    )
    assert (
        transcript("vtt")
        .body()[0]
        .decode()
        .startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nGleis sieben.\n\n00:00:02.000")
    )
    assert transcript("text").body()[0] == b"Gleis sieben. Bitte --> \n\neinsteigen.\n"


def test_a_stream_tells_likelihoods_and_what_it_took_so_far() -> None:
    made = Transcript(Job(b"", "transcribe", "json", logprobs=True), Progress("de", 4.25))
    first, second = deltas(made)
    assert [[word.token for word in told.logprobs or []] for told in (first, second)] == [
        [" Gleis sieben."],
        [" Bitte --> \n\neinsteigen."],
    ]
    assert [(told.usage.seconds, told.usage.output_tokens) for told in (first, second)] == [
        (2, 3),
        (4, 6),
    ]
    done = made.done()
    assert done.logprobs == [*(first.logprobs or []), *(second.logprobs or [])]
    assert done.usage.seconds == 5
    plain = Transcript(Job(b"", "transcribe", "json"), Progress("de", 4.25))
    events = [*map(event, deltas(plain)), event(plain.done())]
    assert [b"logprobs" in told for told in events] == [False] * 3


def test_the_clock() -> None:
    assert clock(3725.0042, ",") == "01:02:05,004"
    assert clock(59.9999, ".") == "00:01:00.000"
    assert clock(360_000, ".") == "100:00:00.000"
