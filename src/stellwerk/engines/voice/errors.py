"""What can be wrong with a text, or with how it is to be spoken."""

from collections.abc import Iterable

from stellwerk.base.errors import InvalidRequestError


class TextTooLongError(InvalidRequestError):
    """The text is longer than one request may be."""

    code = "string_above_max_length"

    def __init__(self, length: int, longest: int) -> None:
        super().__init__(
            f"`input` has {length} characters; this model speaks at most {longest} in one request. "
            "Send it in shorter pieces.",
            param="input",
        )


class NothingToSayError(InvalidRequestError):
    """The text has no letter and no digit."""

    code = "empty_text"

    def __init__(self) -> None:
        super().__init__(
            "`input` holds nothing that can be spoken; send a text with letters or digits.",
            param="input",
        )


class UnknownVoiceError(InvalidRequestError):
    """The model has no voice of this name."""

    code = "unknown_voice"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f"`voice`: this model has no voice {name!r}. It has {', '.join(known)}; OpenAI's "
            "names, such as alloy, stand for its own voice of the text's language.",
            param="voice",
        )


class UnspokenLanguageError(InvalidRequestError):
    """The model has no voice for the language."""

    code = "unsupported_language"

    def __init__(self, language: str, known: Iterable[str]) -> None:
        super().__init__(
            f"`language`: this model does not speak {language!r}. It speaks "
            f"{', '.join(sorted(known))}. Leave it out: then the model finds out.",
            param="language",
        )


class InstructionsError(InvalidRequestError):
    """A local voice speaks as it was trained to."""

    code = "unsupported_value"

    def __init__(self) -> None:
        super().__init__(
            "`instructions`: local voices cannot be told how to speak. Leave it out, or use a "
            "model of an upstream that can, such as gpt-4o-mini-tts.",
            param="instructions",
        )
