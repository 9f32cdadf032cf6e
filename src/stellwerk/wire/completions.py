"""Text completions: the shapes that go in and out of `POST /completions`."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from stellwerk.wire.chat import Bias, Penalty, StreamOptions, Usage

Tokens = list[Annotated[int, Meta(ge=0)]]


class CompletionRequest(Struct, kw_only=True):
    """Raw text, and how the model is to go on with it."""

    model: Annotated[
        str, Meta(description="Id or alias of a model.", examples=["Qwen2.5-Coder-0.5B-Instruct"])
    ]
    prompt: Annotated[
        str | list[str | int | Tokens],
        Meta(
            description="A text, a list of texts, the tokens of one text, or a list of these.",
            examples=["def fibonacci(n):"],
        ),
    ]
    max_tokens: Annotated[
        Annotated[int, Meta(ge=0)] | None, Meta(description="Most tokens of an answer. Default 16.")
    ] = None
    stream: Annotated[bool | None, Meta(description="Send the answer piece by piece.")] = None
    stream_options: Annotated[
        StreamOptions | None, Meta(description="Only together with `stream`.")
    ] = None
    n: Annotated[
        Annotated[int, Meta(ge=1, le=128)] | None, Meta(description="Answers to each prompt.")
    ] = None
    best_of: Annotated[
        Annotated[int, Meta(ge=1, le=20)] | None,
        Meta(description="Of so many answers give the best. Only 1 is possible, or `n`."),
    ] = None
    echo: Annotated[bool | None, Meta(description="Put the prompt before the answer.")] = None
    suffix: Annotated[
        str | None, Meta(description="Text behind the answer; local models cannot do that.")
    ] = None
    temperature: Annotated[
        Annotated[float, Meta(ge=0, le=2)] | None,
        Meta(description="0: always the likeliest token. Default 1.", examples=[0.2]),
    ] = None
    top_p: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(description="Choose among the likeliest tokens of this joint probability."),
    ] = None
    seed: Annotated[int | None, Meta(description="Makes an answer repeatable.")] = None
    stop: Annotated[
        str | Annotated[list[str], Meta(max_length=4)] | None,
        Meta(description="Up to four texts that end the answer."),
    ] = None
    presence_penalty: Annotated[
        Penalty | None, Meta(description="Above 0: fewer tokens that were there before.")
    ] = None
    frequency_penalty: Annotated[
        Penalty | None, Meta(description="Above 0: fewer tokens that were there often.")
    ] = None
    logit_bias: Annotated[
        dict[str, Bias] | None, Meta(description="Token id -> what is added to its logit.")
    ] = None
    logprobs: Annotated[
        Annotated[int, Meta(ge=0, le=5)] | None,
        Meta(description="Tell the log-probabilities, and those of so many other tokens."),
    ] = None
    user: Annotated[str | None, Meta(description="Your name for the end user. Not used.")] = None


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

    index: Annotated[int, Meta(description="Its number, from 0.")]
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

    id: Annotated[str, Meta(description="Names this answer.")]
    object: Literal["text_completion"] = "text_completion"
    created: Annotated[int, Meta(description="Unix seconds.")]
    model: Annotated[str, Meta(description="The model, as the request named it.")]
    choices: Annotated[list[CompletionChoice], Meta(description="The answers, or pieces.")]
    usage: Annotated[
        Usage | UnsetType | None,
        Meta(description="What the call took; in a stream only in the last chunk, if asked for."),
    ] = UNSET
