"""What chat completions and completions share: usage, and the fields that steer sampling."""

from typing import Annotated

from msgspec import Meta, Struct

ModelName = Annotated[
    str, Meta(description="Id or alias of a model.", examples=["Qwen2.5-Coder-0.5B-Instruct"])
]
Streamed = Annotated[bool | None, Meta(description="Send the answer piece by piece.")]
Choices = Annotated[int, Meta(ge=1, le=128)]
Temperature = Annotated[
    Annotated[float, Meta(ge=0, le=2)] | None,
    Meta(description="0: always the likeliest token. Default 1.", examples=[0.2]),
]
TopP = Annotated[
    Annotated[float, Meta(ge=0, le=1)] | None,
    Meta(description="Choose among the likeliest tokens of this joint probability. Default 1."),
]
TopK = Annotated[
    Annotated[int, Meta(ge=-1)] | None,
    Meta(description="Choose among so many likeliest tokens; 0 or -1: all. Not in OpenAI's API."),
]
MinP = Annotated[
    Annotated[float, Meta(ge=0, le=1)] | None,
    Meta(
        description="Leave out tokens less likely than this share of the likeliest one. "
        "Not in OpenAI's API."
    ),
]
Seed = Annotated[int | None, Meta(description="Makes an answer repeatable.", examples=[7])]
Stop = Annotated[
    str | Annotated[list[str], Meta(max_length=4)] | None,
    Meta(description="Up to four texts that end the answer and are not part of it."),
]
PresencePenalty = Annotated[
    Annotated[float, Meta(ge=-2, le=2)] | None,
    Meta(description="Above 0: fewer tokens that were there before."),
]
FrequencyPenalty = Annotated[
    Annotated[float, Meta(ge=-2, le=2)] | None,
    Meta(description="Above 0: fewer tokens that were there often."),
]
LogitBias = Annotated[
    dict[str, Annotated[float, Meta(ge=-100, le=100)]] | None,
    Meta(description="Token id of the model's own vocabulary -> what is added to its logit."),
]
User = Annotated[str | None, Meta(description="Your name for the end user. Not used.")]


class StreamOptions(Struct):
    """What a stream tells besides the text."""

    include_usage: Annotated[
        bool | None, Meta(description="End with a chunk that holds the usage.")
    ] = None


StreamOptionsField = Annotated[StreamOptions | None, Meta(description="Only beside `stream`.")]


class PromptTokensDetails(Struct):
    """What the prompt's tokens were."""

    cached_tokens: Annotated[int, Meta(description="Taken from the cache.")] = 0


class Usage(Struct):
    """What the call took."""

    prompt_tokens: Annotated[int, Meta(description="Tokens of the prompts, each counted once.")]
    completion_tokens: Annotated[int, Meta(description="Tokens of all answers.")]
    total_tokens: Annotated[int, Meta(description="Both together.")]
    prompt_tokens_details: Annotated[
        PromptTokensDetails | None, Meta(description="More on the prompt.")
    ] = None
