"""What one request asks of the model, checked."""

from collections.abc import Iterator
from dataclasses import dataclass

from stellwerk.engines.speech.errors import LanguageError, NotTogetherError
from stellwerk.wire.audio import ServerVad, Task, TranscriptionRequest, TranslationRequest

# Codes of languages that Whisper knows by another one.
NAMED_ELSE = {"nb": "no", "iw": "he", "in": "id", "ji": "yi", "jv": "jw", "fil": "tl", "cmn": "zh"}


@dataclass(frozen=True, slots=True)
class Job:
    """A recording, what to do with it, and the form of the answer."""

    file: bytes
    task: Task
    form: str
    language: str | None = None
    prompt: str | None = None
    temperature: float = 0
    words: bool = False
    segments: bool = True
    logprobs: bool = False
    stream: bool = False
    vad: ServerVad | None = None

    @property
    def times_words(self) -> bool:
        """Whether the model has to find out when each word is said, which costs time."""
        return self.words or self.logprobs


def transcription(request: TranscriptionRequest, languages: list[str]) -> Job:
    """Raises `InvalidRequestError` for what this engine cannot do."""
    form = request.response_format or "json"
    granularities = request.timestamp_granularities
    for param in asks_who_speaks(request):
        raise NotTogetherError(
            param,
            "local models cannot tell speakers apart. This needs a model of an upstream that can, "
            "such as gpt-4o-transcribe-diarize.",
        )
    if granularities and form != "verbose_json":
        raise NotTogetherError(
            "timestamp_granularities[]", "needs `response_format` to be `verbose_json`."
        )
    if request.include and form != "json":
        raise NotTogetherError("include[]", "`logprobs` needs `response_format` to be `json`.")
    if request.stream and form not in {"json", "text"}:
        raise NotTogetherError("stream", "needs `response_format` to be `json` or `text`.")
    vad = request.chunking_strategy
    return Job(
        file=request.file,
        task="transcribe",
        form=form,
        language=_language(request.language, languages),
        prompt=request.prompt,
        temperature=request.temperature or 0,
        words="word" in granularities,
        segments=not granularities or "segment" in granularities,
        logprobs=bool(request.include),
        stream=bool(request.stream),
        vad=vad if isinstance(vad, ServerVad) else None,
    )


def asks_who_speaks(request: TranscriptionRequest) -> Iterator[str]:
    """The fields that do."""
    if request.response_format == "diarized_json":
        yield "response_format"
    if request.known_speaker_names:
        yield "known_speaker_names[]"
    if request.known_speaker_references:
        yield "known_speaker_references[]"


def translation(request: TranslationRequest, languages: list[str]) -> Job:
    """Raises `InvalidRequestError` for what this engine cannot do."""
    return Job(
        file=request.file,
        task="translate",
        form=request.response_format or "json",
        language=_language(request.language, languages),
        prompt=request.prompt,
        temperature=request.temperature or 0,
    )


def _language(given: str | None, languages: list[str]) -> str | None:
    """`de` for `de`, `DE` and `de-AT`."""
    if given is None:
        return None
    code = given.strip().lower().replace("_", "-").partition("-")[0]
    code = NAMED_ELSE.get(code, code)
    if code not in languages:
        raise LanguageError(given, languages)
    return code
