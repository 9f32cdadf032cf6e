"""Text completions: the shapes that go in and out of `POST /completions`."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from stellwerk.wire.chat import AnswerModel, Created, Fingerprint, Id
from stellwerk.wire.usage import (
    Choices,
    FrequencyPenalty,
    LogitBias,
    MinP,
    ModelName,
    PresencePenalty,
    Seed,
    Stop,
    Streamed,
    StreamOptionsField,
    Temperature,
    TopK,
    TopP,
    Usage,
    User,
)

Token = Annotated[int, Meta(ge=0)]


class CompletionRequest(Struct, kw_only=True):
    """Raw text, and how the model is to go on with it."""

    model: ModelName
    prompt: Annotated[
        str | list[str | Token | list[Token]],
        Meta(
            description="A text, a list of texts, the tokens of one text, or a list of these.",
            examples=["def fibonacci(n):"],
        ),
    ]
    max_tokens: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="Most tokens of an answer. Default 16.", examples=[64]),
    ] = None
    stream: Streamed = None
    stream_options: StreamOptionsField = None
    n: Annotated[Choices | None, Meta(description="Answers to each prompt. Default 1.")] = None
    best_of: Annotated[
        Annotated[int, Meta(ge=1, le=20)] | None,
        Meta(description="Of so many answers give the best. Local models: only the same as `n`."),
    ] = None
    echo: Annotated[
        bool | None,
        Meta(
            description="Put the prompt before the answer. Local models cannot do that together "
            "with `logprobs`."
        ),
    ] = None
    suffix: Annotated[
        str | None, Meta(description="Text behind the answer. Local models cannot do that.")
    ] = None
    temperature: Temperature = None
    top_p: TopP = None
    top_k: TopK = None
    min_p: MinP = None
    seed: Seed = None
    stop: Stop = None
    presence_penalty: PresencePenalty = None
    frequency_penalty: FrequencyPenalty = None
    logit_bias: LogitBias = None
    logprobs: Annotated[
        Annotated[int, Meta(ge=0, le=5)] | None,
        Meta(description="Tell the log-probabilities, and those of so many likeliest tokens."),
    ] = None
    user: User = None


class CompletionLogprobs(Struct, kw_only=True):
    """Log-probabilities of an answer, a list entry for each token."""

    tokens: Annotated[list[str], Meta(description="Texts of the tokens.")]
    token_logprobs: Annotated[list[float | None], Meta(description="Their log-probabilities.")]
    top_logprobs: Annotated[
        list[dict[str, float] | None] | None, Meta(description="The likeliest in their places.")
    ]
    text_offset: Annotated[list[int], Meta(description="Where each begins, in characters.")]


class CompletionChoice(Struct, kw_only=True):
    """One answer, or in a stream a piece of it."""

    index: Annotated[int, Meta(description="Its number, from 0: the prompt's, times `n`.")]
    text: Annotated[str, Meta(description="The text.")]
    logprobs: Annotated[CompletionLogprobs | None, Meta(description="If they were asked for.")] = (
        None
    )
    finish_reason: Annotated[
        Literal["stop", "length", "content_filter"] | None,
        Meta(description="Why it ends; null in a piece that is not the last."),
    ] = None


class Completion(Struct, kw_only=True):
    """The whole answer, or one event of a stream."""

    id: Id
    object: Annotated[Literal["text_completion"], Meta(description="Always `text_completion`.")] = (
        "text_completion"
    )
    created: Created
    model: AnswerModel
    choices: Annotated[list[CompletionChoice], Meta(description="The answers, or pieces.")]
    usage: Annotated[
        Usage | UnsetType | None,
        Meta(description="What the call took; in a stream only in the last chunk, if asked for."),
    ] = UNSET
    system_fingerprint: Fingerprint = UNSET
