"""`POST /audio/speech`: a text in, its sound out."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

SpeechForm = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
# What the answer is, as OpenAI has it.
MEDIA_TYPES: dict[SpeechForm, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}


class VoiceName(msgspec.Struct, kw_only=True):
    """A voice as an object, as OpenAI's clients write one of their own."""

    id: Annotated[str, Meta(description="Its name.")]


class SpeechRequest(msgspec.Struct, kw_only=True):
    """A text to be spoken."""

    model: Annotated[
        str, Meta(description="Id or alias of a model that speaks.", examples=["tts-1"])
    ]
    input: Annotated[
        str, Meta(description="The text.", min_length=1, examples=["The train is late."])
    ]
    voice: Annotated[
        str | VoiceName,
        Meta(
            description="Whose voice. OpenAI's names stand for a local model's own voice of the "
            "text's language.",
            examples=["alloy"],
        ),
    ]
    instructions: Annotated[
        str | None, Meta(description="How to speak. Only for upstreams that can.")
    ] = None
    response_format: Annotated[
        SpeechForm | None,
        Meta(
            description="Default `mp3`. `opus` comes in Ogg; `pcm` is 24 kHz, mono, 16 bits, "
            "little-endian, without a head."
        ),
    ] = None
    speed: Annotated[
        Annotated[float, Meta(ge=0.25, le=4)] | None, Meta(description="1 is the voice's own.")
    ] = None
    stream_format: Annotated[
        Literal["audio", "sse"] | None,
        Meta(description="The sound itself, or events that hold it in base64. Default `audio`."),
    ] = None
    language: Annotated[
        str | None,
        Meta(
            description="Language of the text as an ISO 639-1 code. Default: a local model finds "
            "out."
        ),
    ] = None


class SpeechUsage(msgspec.Struct, kw_only=True):
    """What a call took."""

    input_tokens: Annotated[int, Meta(description="A local model counts four bytes as one.")]
    output_tokens: Annotated[int, Meta(description="0 for local models.")] = 0
    total_tokens: Annotated[int, Meta(description="Both together.")] = 0


class SpeechDelta(msgspec.Struct, kw_only=True, tag_field="type", tag="speech.audio.delta"):
    """More of the sound."""

    audio: Annotated[str, Meta(description="In base64, as it follows what came before.")]


class SpeechDone(msgspec.Struct, kw_only=True, tag_field="type", tag="speech.audio.done"):
    """The end of a stream."""

    usage: Annotated[SpeechUsage, Meta(description="What the call took.")]


class SpeechEvent(msgspec.Struct, kw_only=True):
    """One event of `stream_format: sse`, as the OpenAPI document shows it."""

    type: Annotated[Literal["speech.audio.delta", "speech.audio.done"], Meta(description="Which.")]
    audio: Annotated[str | None, Meta(description="More of the sound, in base64.")] = None
    usage: Annotated[SpeechUsage | None, Meta(description="At the end.")] = None
