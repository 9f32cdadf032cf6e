from typing import Any

import pytest

from stellwerk.base.errors import InvalidRequestError
from stellwerk.engines.speech.job import transcription, translation
from stellwerk.wire.audio import ServerVad, TranscriptionRequest, TranslationRequest

LANGUAGES = ["de", "en", "yue"]


def request(**fields: Any) -> TranscriptionRequest:
    return TranscriptionRequest(file=b"x", model="m", **fields)


def test_what_is_asked_by_default() -> None:
    job = transcription(request(), LANGUAGES)
    assert (job.form, job.task, job.language, job.temperature) == ("json", "transcribe", None, 0)
    assert (job.segments, job.times_words, job.stream) == (True, False, False)


@pytest.mark.parametrize("given", ["de", "DE", "de-AT", "de_DE", " de "])
def test_languages(given: str) -> None:
    assert transcription(request(language=given), LANGUAGES).language == "de"


def test_codes_that_whisper_writes_another_way() -> None:
    assert transcription(request(language="nb-NO"), ["no"]).language == "no"
    assert (
        translation(TranslationRequest(file=b"x", model="m", language="cmn"), ["zh"]).language
        == "zh"
    )


def test_words_take_time() -> None:
    form: Any = {"response_format": "verbose_json"}
    job = transcription(request(timestamp_granularities=["word"], **form), LANGUAGES)
    assert (job.words, job.segments, job.times_words) == (True, False, True)
    assert transcription(request(include=["logprobs"]), LANGUAGES).times_words


def test_how_speech_is_told_from_silence() -> None:
    vad = ServerVad(type="server_vad", threshold=0.7)
    assert transcription(request(chunking_strategy=vad), LANGUAGES).vad == vad
    assert transcription(request(chunking_strategy="auto"), LANGUAGES).vad is None


@pytest.mark.parametrize(
    ("fields", "param", "says"),
    [
        ({"language": "tlh"}, "language", "Give one of de, en, yue"),
        ({"language": "German"}, "language", "Give one of"),
        ({"response_format": "diarized_json"}, "response_format", "gpt-4o-transcribe-diarize"),
        ({"known_speaker_names": ["Anna"]}, "known_speaker_names[]", "tell speakers apart"),
        (
            {"known_speaker_references": ["data:audio/wav;base64,"]},
            "known_speaker_references[]",
            "tell speakers apart",
        ),
        ({"timestamp_granularities": ["word"]}, "timestamp_granularities[]", "verbose_json"),
        ({"include": ["logprobs"], "response_format": "srt"}, "include[]", "json"),
        ({"stream": True, "response_format": "vtt"}, "stream", "text"),
    ],
)
def test_refusals(fields: dict[str, Any], param: str, says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says) as refusal:
        transcription(request(**fields), LANGUAGES)
    assert refusal.value.param == param


def test_a_translation() -> None:
    asked = TranslationRequest(file=b"x", model="m", response_format="srt", temperature=0.5)
    job = translation(asked, LANGUAGES)
    assert (job.task, job.form, job.temperature) == ("translate", "srt", 0.5)
