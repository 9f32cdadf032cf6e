"""What can be wrong with a recording, or with what is asked of it."""

from stellwerk.base.errors import InvalidRequestError


class RecordingError(InvalidRequestError):
    """The file holds no sound that can be read."""

    code = "invalid_audio"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"`file`: {reason} Send a recording as mp3, mp4, m4a, ogg, opus, webm, wav or flac.",
            param="file",
        )


class TooLongError(InvalidRequestError):
    """The recording is longer than one request may be."""

    code = "audio_too_long"

    def __init__(self, longest: float) -> None:
        super().__init__(
            f"`file`: the recording is longer than {longest:g} seconds, the most that this model "
            "takes in one request. Cut it in shorter ones.",
            param="file",
        )


class LanguageError(InvalidRequestError):
    """The model does not know the language."""

    code = "unsupported_language"

    def __init__(self, language: str, known: list[str]) -> None:
        super().__init__(
            f"`language`: this model does not know {language!r}. Give one of "
            f"{', '.join(sorted(known))}, or leave it out: then the model finds out.",
            param="language",
        )


class NotTogetherError(InvalidRequestError):
    """A field cannot be honoured beside another, or not by this model."""

    code = "unsupported_value"

    def __init__(self, param: str, message: str) -> None:
        super().__init__(f"`{param}`: {message}", param=param)
