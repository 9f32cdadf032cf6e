import pytest

from stellwerk.engines.voice.errors import UnknownVoiceError, UnspokenLanguageError
from stellwerk.engines.voice.voices import Voice, Voices

JOE = Voice("en", "joe")
OWN = {"joe": JOE, "vctk": Voice("en", "vctk"), "thorsten": Voice("de", "thorsten")}
PLAIN = ("de", "en-gb", "en-us", "fr-fr", "pl", "cmn")
ENGLISH, GERMAN = "The train to Hamburg is late.", "Der Zug nach Hamburg hat Verspätung."
POLISH = "Pociąg do Hamburga jest dzisiaj bardzo opóźniony."


@pytest.fixture(scope="module")
def voices() -> Voices:
    return Voices(OWN, PLAIN)


@pytest.fixture(scope="module")
def english() -> Voices:
    return Voices({"joe": JOE}, PLAIN)


def test_a_voice_by_name_speaks_whatever_it_is_given(voices: Voices) -> None:
    assert voices.choose("joe", None, GERMAN) == JOE
    assert voices.choose("thorsten", "en", ENGLISH).name == "thorsten"


@pytest.mark.parametrize("name", ["alloy", "nova", "Shimmer", "auto"])
def test_openai_s_names_leave_it_to_the_language(voices: Voices, name: str) -> None:
    assert voices.choose(name, None, ENGLISH) == JOE
    assert voices.choose(name, None, GERMAN).name == "thorsten"
    assert voices.choose(name, None, POLISH) == Voice("pl")


@pytest.mark.parametrize("text", ["Hello", "OK", "1234", "Ja", "Platform 7"])
def test_a_text_that_does_not_tell_is_the_first_voice_s(english: Voices, text: str) -> None:
    assert english.choose("alloy", None, text) == JOE


def test_a_language_that_is_given_counts(english: Voices) -> None:
    assert english.choose("alloy", "de", "OK") == Voice("de")
    assert english.choose("alloy", "en-GB", GERMAN) == JOE
    assert english.choose("alloy", "fr", "OK") == Voice("fr-fr")
    assert english.choose("alloy", "zh", "OK") == Voice("cmn")
    with pytest.raises(UnspokenLanguageError, match="does not speak 'tlh'") as refusal:
        english.choose("alloy", "tlh", "OK")
    assert refusal.value.param == "language"


def test_the_plain_voices_by_name(english: Voices) -> None:
    assert english.choose("espeak", None, GERMAN) == Voice("de")
    assert english.choose("espeak-en-gb", None, GERMAN) == Voice("en-gb")
    assert english.choose("espeak-en", None, GERMAN) == Voice("en-us")


@pytest.mark.parametrize("name", ["Joe", "espeak-tlh", "", "alloy2"])
def test_other_names_are_refused(english: Voices, name: str) -> None:
    with pytest.raises(UnknownVoiceError, match="It has joe, espeak, espeak-LANGUAGE") as refusal:
        english.choose(name, None, ENGLISH)
    assert refusal.value.param == "voice"


def test_without_plain_voices_the_first_one_speaks_all() -> None:
    only = Voices({"joe": JOE}, ())
    assert only.choose("alloy", None, GERMAN) == JOE
    with pytest.raises(UnknownVoiceError, match="It has joe;"):
        only.choose("espeak", None, GERMAN)
