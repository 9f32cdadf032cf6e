"""`POST /audio/transcriptions` and `/audio/translations`: a recording in, its text out."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Recording = Annotated[
    bytes,
    Meta(
        description="The recording, as a file: mp3, mp4, m4a, ogg, opus, webm, wav, flac and "
        "whatever else FFmpeg reads.",
        extra_json_schema={"format": "binary", "contentEncoding": "binary"},
    ),
]
SpeechModel = Annotated[
    str, Meta(description="Id or alias of a speech model.", examples=["whisper-1"])
]
Prompt = Annotated[
    str | None,
    Meta(
        description="Words that may occur (names, terms), or the text before the recording. "
        "About the last 220 tokens count."
    ),
]
Heat = Annotated[
    Annotated[float, Meta(ge=0, le=1)] | None,
    Meta(
        description="0, the default: the likeliest text, and higher temperatures only where that "
        "fails. Above 0: sampling at this temperature."
    ),
]
Milliseconds = Annotated[int, Meta(ge=0, le=3_600_000)]
Granularity = Literal["word", "segment"]


class ServerVad(msgspec.Struct, kw_only=True):
    """How speech is told from silence."""

    type: Annotated[Literal["server_vad"], Meta(description="Always `server_vad`.")]
    threshold: Annotated[
        Annotated[float, Meta(gt=0, lt=1)], Meta(description="Likelihood of speech to count.")
    ] = 0.5
    silence_duration_ms: Annotated[
        Milliseconds, Meta(description="Silence that parts speech, in ms.")
    ] = 2000
    prefix_padding_ms: Annotated[Milliseconds, Meta(description="Kept around speech, in ms.")] = 400


class TranscriptionRequest(msgspec.Struct, kw_only=True):
    """A form with a recording."""

    file: Recording
    model: SpeechModel
    language: Annotated[
        str | None,
        Meta(
            description="Spoken language as an ISO 639-1 code. Default: told from the first 30 "
            "seconds of speech.",
            examples=["de"],
        ),
    ] = None
    prompt: Prompt = None
    response_format: Annotated[
        Literal["json", "text", "srt", "vtt", "verbose_json", "diarized_json"] | None,
        Meta(description="Form of the answer. Default `json`. `diarized_json`: upstreams only."),
    ] = None
    temperature: Heat = None
    timestamp_granularities: Annotated[
        list[Granularity],
        Meta(description="Which times `verbose_json` tells. Default: of segments."),
    ] = msgspec.field(default_factory=list, name="timestamp_granularities[]")
    include: Annotated[
        list[Literal["logprobs"]],
        Meta(description="`logprobs`: how likely each word is. Only with `json`."),
    ] = msgspec.field(default_factory=list, name="include[]")
    chunking_strategy: Annotated[
        ServerVad | Literal["auto"] | None,
        Meta(description="How the recording is cut. Silence is always left out."),
    ] = None
    stream: Annotated[
        bool | None, Meta(description="Send the text as it is understood. With `json` or `text`.")
    ] = None
    known_speaker_names: Annotated[
        list[str], Meta(description="Who speaks, for `diarized_json`. Upstreams only.")
    ] = msgspec.field(default_factory=list, name="known_speaker_names[]")
    known_speaker_references: Annotated[
        list[str], Meta(description="How they sound, as data URLs. Upstreams only.")
    ] = msgspec.field(default_factory=list, name="known_speaker_references[]")
    user: Annotated[str | None, Meta(description="Your name for the end user. Not used.")] = None


class TranslationRequest(msgspec.Struct, kw_only=True):
    """A form with a recording that becomes English text."""

    file: Recording
    model: SpeechModel
    prompt: Prompt = None
    response_format: Annotated[
        Literal["json", "text", "srt", "vtt", "verbose_json"] | None,
        Meta(description="Form of the answer. Default `json`."),
    ] = None
    temperature: Heat = None
    language: Annotated[
        str | None, Meta(description="Language of the recording, as an ISO 639-1 code.")
    ] = None
    user: Annotated[str | None, Meta(description="Your name for the end user. Not used.")] = None


class TranscriptUsage(msgspec.Struct, kw_only=True):
    """What the call took."""

    type: Annotated[
        Literal["tokens", "duration"], Meta(description="How OpenAI's clients read it.")
    ]
    seconds: Annotated[int, Meta(description="Length of the recording, in whole seconds.")]
    input_tokens: Annotated[int, Meta(description="Always 0: sound has no tokens here.")] = 0
    output_tokens: Annotated[int, Meta(description="Tokens of the text.")] = 0
    prompt_tokens: Annotated[int, Meta(description="The same as `input_tokens`.")] = 0
    completion_tokens: Annotated[int, Meta(description="The same as `output_tokens`.")] = 0
    total_tokens: Annotated[int, Meta(description="Both together.")] = 0


class WordLogprob(msgspec.Struct, kw_only=True):
    """How likely a word is: the mean over its tokens."""

    token: Annotated[str, Meta(description="The word.")]
    logprob: Annotated[float, Meta(description="Natural logarithm of its probability.")]
    bytes: Annotated[list[int], Meta(description="The word in UTF-8.")]


class Word(msgspec.Struct, kw_only=True):
    """A word and its time in seconds."""

    word: Annotated[str, Meta(description="The word.")]
    start: Annotated[float, Meta(description="When it begins.")]
    end: Annotated[float, Meta(description="When it ends.")]


class Segment(msgspec.Struct, kw_only=True):
    """A piece of the text, mostly a sentence. Times in seconds."""

    id: Annotated[int, Meta(description="Its number, from 0.")]
    seek: Annotated[int, Meta(description="Where the model began to listen, in frames of 10 ms.")]
    start: Annotated[float, Meta(description="When it begins.")]
    end: Annotated[float, Meta(description="When it ends.")]
    text: Annotated[str, Meta(description="What was said.")]
    tokens: Annotated[list[int], Meta(description="The model's tokens of it.")]
    temperature: Annotated[float, Meta(description="At which it was found.")]
    avg_logprob: Annotated[float, Meta(description="Mean log-likelihood of its tokens.")]
    compression_ratio: Annotated[float, Meta(description="High where a text repeats itself.")]
    no_speech_prob: Annotated[float, Meta(description="Likelihood that nobody spoke.")]


Task = Literal["transcribe", "translate"]


class Transcription(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was said."""

    text: Annotated[str, Meta(description="The text.")]
    task: Annotated[Task, Meta(description="What was done.")]
    language: Annotated[str, Meta(description="Language of the recording, as a code.")]
    duration: Annotated[float, Meta(description="Length of the recording in seconds.")]
    usage: Annotated[TranscriptUsage, Meta(description="What the call took.")]
    logprobs: Annotated[
        list[WordLogprob] | None, Meta(description="Where `include[]` asked for it.")
    ] = None
    segments: Annotated[list[Segment] | None, Meta(description="In `verbose_json`.")] = None
    words: Annotated[
        list[Word] | None, Meta(description="Where `timestamp_granularities[]` asked for it.")
    ] = None


class TextDelta(
    msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="type", tag="transcript.text.delta"
):
    """More of the text. Its usage is counted where the stream is not read to its end."""

    delta: Annotated[str, Meta(description="What follows.")]
    logprobs: Annotated[
        list[WordLogprob] | None, Meta(description="Of what follows, where `include[]` asked.")
    ] = None
    usage: Annotated[TranscriptUsage, Meta(description="What the call took so far.")]


class TextDone(
    msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="type", tag="transcript.text.done"
):
    """The end of a streamed transcript."""

    text: Annotated[str, Meta(description="The whole text.")]
    logprobs: Annotated[
        list[WordLogprob] | None, Meta(description="Of all words, where `include[]` asked.")
    ] = None
    usage: Annotated[TranscriptUsage, Meta(description="What the call took.")]


class TranscriptEvent(msgspec.Struct, kw_only=True):
    """One event of a streamed transcript, as the OpenAPI document shows it."""

    type: Annotated[
        Literal["transcript.text.delta", "transcript.text.done"], Meta(description="Which.")
    ]
    delta: Annotated[str | None, Meta(description="What follows.")] = None
    text: Annotated[str | None, Meta(description="The whole text, at the end.")] = None
    logprobs: Annotated[
        list[WordLogprob] | None,
        Meta(description="Of what follows, and at the end of all words, where `include[]` asked."),
    ] = None
    usage: Annotated[
        TranscriptUsage | None, Meta(description="What the call took so far, and at the end.")
    ] = None
