"""The voices of a model, and which of them speaks a text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from stellwerk.engines.voice.errors import UnknownVoiceError, UnspokenLanguageError

# Clients must name a voice, and mostly name one of these; here they are all the same.
OPENAI_VOICES = {
    *("auto", "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova"),
    *("onyx", "sage", "shimmer", "verse"),
}
PLAIN = "espeak"
# A language that is told with less certainty than this does not change the voice.
CERTAIN = 0.5
SAMPLE = 2000
# Where espeak-ng's name of a language is longer than its code, or another.
NAMED_ELSE = {"en": "en-us", "fr": "fr-fr", "zh": "cmn", "no": "nb", "nn": "nb"}


@dataclass(frozen=True, slots=True)
class Voice:
    """A Piper voice, and the number of its speaker; or, with no name, one of espeak-ng's."""

    language: str
    name: str | None = None
    speaker: int | None = None


@dataclass(frozen=True)
class Voices:
    """`own` are Piper's, by the names that callers use; `plain` are espeak-ng's languages."""

    own: Mapping[str, Voice]
    plain: tuple[str, ...]
    _identifier: Any = field(
        default_factory=lambda: LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    )

    @property
    def names(self) -> list[str]:
        plain = [PLAIN, f"{PLAIN}-LANGUAGE (such as {PLAIN}-de)"] if self.plain else []
        return [*self.own, *plain]

    @property
    def languages(self) -> list[str]:
        codes = {"en" if name == "en-us" else name for name in self.plain}
        return sorted(codes | {voice.language for voice in self.own.values()})

    def choose(self, name: str, language: str | None, text: str) -> Voice:
        """Raises `UnknownVoiceError` and `UnspokenLanguageError`."""
        if name in self.own:
            return self.own[name]
        code = self._code(language) if language else self._told(text)
        if name == PLAIN and self.plain:
            return Voice(self._plain(code) or self.plain[0])
        if name.startswith(f"{PLAIN}-") and (found := self._plain(name[len(PLAIN) + 1 :])):
            return Voice(found)
        if name.lower() not in OPENAI_VOICES:
            raise UnknownVoiceError(name, self.names)
        return self._speaking(code)

    def _speaking(self, code: str) -> Voice:
        """The first voice of the language; else a plain one; else the first of all."""
        for voice in self.own.values():
            if voice.language == code:
                return voice
        if found := self._plain(code):
            return Voice(found)
        return next(iter(self.own.values()))

    def _code(self, language: str) -> str:
        code = language.strip().lower().replace("_", "-")
        short = code.partition("-")[0]
        if any(voice.language == short for voice in self.own.values()):
            return short
        if self._plain(code):
            return code
        raise UnspokenLanguageError(language, self.languages)

    def _told(self, text: str) -> str:
        """The text's language; that of the first voice, where a short text does not tell it."""
        code, certainty = self._identifier.classify(text[:SAMPLE])
        usual = next((voice.language for voice in self.own.values()), "en")
        return str(code) if certainty >= CERTAIN else usual

    def _plain(self, code: str) -> str | None:
        """espeak-ng's name of a language."""
        code = code.lower()
        for name in (code, NAMED_ELSE.get(code), code.partition("-")[0]):
            if name in self.plain:
                return name
        return None
