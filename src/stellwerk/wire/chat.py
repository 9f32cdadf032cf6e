"""Chat completions: the shapes that go in and out of `POST /chat/completions`."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from stellwerk.wire.messages import Message, ToolCall
from stellwerk.wire.tools import ResponseFormat, Tool, ToolChoice
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

TokenLimit = Annotated[int, Meta(ge=1)]
HELLO = [{"role": "user", "content": "Say hello in German."}]


class ChatCompletionRequest(Struct, kw_only=True):
    """A conversation, and how the model is to go on with it."""

    model: ModelName
    messages: Annotated[
        list[Message],
        Meta(min_length=1, description="The conversation so far.", examples=[HELLO]),
    ]
    stream: Streamed = None
    stream_options: StreamOptionsField = None
    max_completion_tokens: Annotated[
        TokenLimit | None, Meta(description="Most tokens of an answer.", examples=[64])
    ] = None
    max_tokens: Annotated[
        TokenLimit | None, Meta(description="The same, under its older name.", examples=[64])
    ] = None
    n: Annotated[Choices | None, Meta(description="How many answers. Default 1.")] = None
    temperature: Temperature = None
    top_p: TopP = None
    top_k: TopK = None
    min_p: MinP = None
    seed: Seed = None
    stop: Stop = None
    presence_penalty: PresencePenalty = None
    frequency_penalty: FrequencyPenalty = None
    logit_bias: LogitBias = None
    logprobs: Annotated[bool | None, Meta(description="Tell each token's log-probability.")] = None
    top_logprobs: Annotated[
        Annotated[int, Meta(ge=0, le=20)] | None,
        Meta(description="And those of so many likeliest tokens. Needs `logprobs`."),
    ] = None
    response_format: Annotated[
        ResponseFormat | None, Meta(description="Text, any JSON object, or JSON after a schema.")
    ] = None
    tools: Annotated[
        Annotated[list[Tool], Meta(max_length=128)] | None,
        Meta(description="Functions that may be called."),
    ] = None
    tool_choice: Annotated[
        ToolChoice | None,
        Meta(description="Whether a function must be called, and which. Default `auto`."),
    ] = None
    parallel_tool_calls: Annotated[
        bool | None, Meta(description="Whether several calls at once are welcome. Default true.")
    ] = None
    reasoning_effort: Annotated[
        Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None,
        Meta(description="How long a thinking model may think; `none`: not at all."),
    ] = None
    chat_template_kwargs: Annotated[
        dict[str, Any] | None, Meta(description="Variables for the model's chat template.")
    ] = None
    modalities: Annotated[
        list[str] | None, Meta(description="What the answer may be. Only `text` is possible.")
    ] = None
    user: User = None
    metadata: Annotated[dict[str, Any] | None, Meta(description="Your own remarks. Not used.")] = (
        None
    )


class TopLogprob(Struct):
    """A token that could have stood there."""

    token: Annotated[str, Meta(description="Its text.")]
    logprob: Annotated[float, Meta(description="Its log-probability.")]
    bytes: Annotated[list[int] | None, Meta(description="Its text in UTF-8.")] = None


class TokenLogprob(Struct):
    """A token of the answer."""

    token: Annotated[str, Meta(description="Its text.")]
    logprob: Annotated[float, Meta(description="Its log-probability.")]
    top_logprobs: Annotated[list[TopLogprob], Meta(description="The likeliest in its place.")]
    bytes: Annotated[list[int] | None, Meta(description="Its text in UTF-8.")] = None


class ChoiceLogprobs(Struct):
    """Log-probabilities of an answer."""

    content: Annotated[list[TokenLogprob] | None, Meta(description="Of each token.")] = None
    refusal: Annotated[list[TokenLogprob] | None, Meta(description="Of a refusal.")] = None


FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]


class AnswerMessage(Struct, kw_only=True):
    """What the model answers."""

    role: Annotated[Literal["assistant"], Meta(description="Always `assistant`.")] = "assistant"
    content: Annotated[str | None, Meta(description="The text; null beside tool calls.")]
    refusal: Annotated[str | None, Meta(description="What it refused with.")] = None
    reasoning_content: Annotated[
        str | UnsetType, Meta(description="What it thought, where the model shows that.")
    ] = UNSET
    tool_calls: Annotated[
        list[ToolCall] | UnsetType, Meta(description="The calls it asks for.")
    ] = UNSET


class Choice(Struct, kw_only=True):
    """One answer."""

    index: Annotated[int, Meta(description="Its number, from 0.")]
    message: Annotated[AnswerMessage, Meta(description="The answer.")]
    logprobs: Annotated[ChoiceLogprobs | None, Meta(description="If they were asked for.")] = None
    finish_reason: Annotated[FinishReason, Meta(description="Why it ends.")]


Id = Annotated[str, Meta(description="Names this answer.")]
Created = Annotated[int, Meta(description="Unix seconds.")]
AnswerModel = Annotated[str, Meta(description="The model, as the request named it.")]
Fingerprint = Annotated[
    str | UnsetType | None, Meta(description="Which engine answered; part of what `seed` repeats.")
]


class ChatCompletion(Struct, kw_only=True):
    """The whole answer."""

    id: Id
    object: Annotated[Literal["chat.completion"], Meta(description="Always `chat.completion`.")] = (
        "chat.completion"
    )
    created: Created
    model: AnswerModel
    choices: Annotated[list[Choice], Meta(description="The answers.")]
    usage: Annotated[Usage, Meta(description="What the call took.")]
    system_fingerprint: Fingerprint = UNSET


class FunctionDelta(Struct):
    """A piece of a call."""

    name: Annotated[str | UnsetType, Meta(description="In the first piece.")] = UNSET
    arguments: Annotated[str | UnsetType, Meta(description="The next piece of them.")] = UNSET


class ToolCallDelta(Struct, kw_only=True):
    """A piece of a call that the model asks for."""

    index: Annotated[int, Meta(description="Which call.")]
    id: Annotated[str | UnsetType, Meta(description="In the first piece.")] = UNSET
    type: Annotated[str | UnsetType, Meta(description="In the first piece.")] = UNSET
    function: Annotated[FunctionDelta | UnsetType, Meta(description="The piece.")] = UNSET


class Delta(Struct, kw_only=True):
    """A piece of an answer."""

    role: Annotated[str | UnsetType, Meta(description="In the first piece.")] = UNSET
    content: Annotated[str | UnsetType | None, Meta(description="The next text.")] = UNSET
    reasoning_content: Annotated[
        str | UnsetType, Meta(description="The next of what it thinks.")
    ] = UNSET
    tool_calls: Annotated[list[ToolCallDelta] | UnsetType, Meta(description="Pieces of calls.")] = (
        UNSET
    )


class ChunkChoice(Struct, kw_only=True):
    """A piece of one answer."""

    index: Annotated[int, Meta(description="Which answer.")]
    delta: Annotated[Delta, Meta(description="The piece.")]
    logprobs: Annotated[ChoiceLogprobs | None, Meta(description="If they were asked for.")] = None
    finish_reason: Annotated[FinishReason | None, Meta(description="In the last piece.")] = None


class ChatCompletionChunk(Struct, kw_only=True):
    """One event of a stream. The last one is followed by `data: [DONE]`."""

    id: Id
    object: Annotated[
        Literal["chat.completion.chunk"], Meta(description="Always `chat.completion.chunk`.")
    ] = "chat.completion.chunk"
    created: Created
    model: AnswerModel
    choices: Annotated[
        list[ChunkChoice], Meta(description="Pieces; empty in the chunk with the usage.")
    ]
    usage: Annotated[
        Usage | UnsetType | None,
        Meta(description="In the last chunk, if `stream_options.include_usage` asked for it."),
    ] = UNSET
    system_fingerprint: Fingerprint = UNSET
