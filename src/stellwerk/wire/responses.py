"""Responses: the fields that the hub knows of what goes in and out of `POST /responses`.

The hub passes these bodies on as they are, so what is not named here goes through as well.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from stellwerk.wire.chat import AnswerModel
from stellwerk.wire.usage import Streamed, Temperature, TopP

Item = dict[str, Any]
ModelName = Annotated[
    str, Meta(description="Id or alias of a model that an upstream runs.", examples=["gpt-large"])
]


class ResponseRequest(Struct, kw_only=True):
    """What the model is to answer, and how. Fields that are not named here go to the upstream."""

    model: ModelName
    input: Annotated[
        str | list[Item] | UnsetType,
        Meta(
            description="A text, or a list of items: messages, calls of tools and their results.",
            examples=["Say hello in German."],
        ),
    ] = UNSET
    instructions: Annotated[
        str | None,
        Meta(description="What holds for the whole answer.", examples=["Answer in one word."]),
    ] = None
    stream: Streamed = None
    max_output_tokens: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Most tokens of the answer, thoughts included.", examples=[64]),
    ] = None
    tools: Annotated[
        list[Item] | None, Meta(description="Functions, and tools that the upstream has.")
    ] = None
    tool_choice: Annotated[
        str | Item | None, Meta(description="`auto`, `none`, `required`, or one tool.")
    ] = None
    parallel_tool_calls: Annotated[
        bool | None, Meta(description="Whether tools may be called at the same time.")
    ] = None
    text: Annotated[
        Item | None, Meta(description="The form of the text, such as a JSON schema.")
    ] = None
    reasoning: Annotated[
        Item | None, Meta(description="How much the model thinks, and what it tells of it.")
    ] = None
    previous_response_id: Annotated[
        str | None,
        Meta(description="Go on after this response, if the same upstream has kept it."),
    ] = None
    store: Annotated[bool | None, Meta(description="Whether the upstream keeps the answer.")] = None
    background: Annotated[
        Literal[False] | None,
        Meta(description="Not true: nobody could fetch the answer, or count what it took."),
    ] = None
    include: Annotated[
        list[str] | None, Meta(description="What the answer is to hold beside the usual.")
    ] = None
    truncation: Annotated[
        str | None, Meta(description="`auto`: leave out the middle of what is too long.")
    ] = None
    temperature: Temperature = None
    top_p: TopP = None
    metadata: Annotated[
        dict[str, str] | None, Meta(description="Your own notes, given back with the answer.")
    ] = None
    user: Annotated[str | None, Meta(description="Your name for the end user.")] = None


class InputDetails(Struct, kw_only=True):
    """What the input's tokens were."""

    cached_tokens: Annotated[int, Meta(description="Taken from the cache.")] = 0


class OutputDetails(Struct, kw_only=True):
    """What the output's tokens were."""

    reasoning_tokens: Annotated[int, Meta(description="Thoughts.")] = 0


class ResponseUsage(Struct, kw_only=True):
    """What the call took."""

    input_tokens: Annotated[int, Meta(description="Tokens of the input.")]
    output_tokens: Annotated[int, Meta(description="Tokens of the output.")]
    total_tokens: Annotated[int, Meta(description="Both together.")]
    input_tokens_details: Annotated[
        InputDetails | UnsetType, Meta(description="More on the input.")
    ] = UNSET
    output_tokens_details: Annotated[
        OutputDetails | UnsetType, Meta(description="More on the output.")
    ] = UNSET


class Response(Struct, kw_only=True):
    """The whole answer, as the upstream gives it: it may hold more fields."""

    id: Annotated[str, Meta(description="Its name at the upstream.")]
    object: Annotated[Literal["response"], Meta(description="Always `response`.")] = "response"
    created_at: Annotated[float, Meta(description="When it began, in Unix seconds.")]
    status: Annotated[
        str | UnsetType,
        Meta(description="`completed`, `incomplete`, `failed` or `in_progress`."),
    ] = UNSET
    model: AnswerModel
    output: Annotated[
        list[Item], Meta(description="Messages, calls of tools, thoughts: in their order.")
    ]
    error: Annotated[Item | UnsetType | None, Meta(description="Why it failed.")] = UNSET
    incomplete_details: Annotated[
        Item | UnsetType | None, Meta(description="Why it is not complete.")
    ] = UNSET
    usage: Annotated[
        ResponseUsage | UnsetType | None, Meta(description="What the call took, at its end.")
    ] = UNSET


class ResponseEvent(Struct, kw_only=True):
    """One event of a stream; which other fields it has depends on its type."""

    type: Annotated[
        str,
        Meta(
            description="`response.created`, `response.output_text.delta`, "
            "`response.completed`, ..."
        ),
    ]
    sequence_number: Annotated[int | UnsetType, Meta(description="Counted from 0.")] = UNSET
    response: Annotated[
        Response | UnsetType, Meta(description="The whole, at the beginning and at the end.")
    ] = UNSET
    delta: Annotated[str | UnsetType, Meta(description="The next text.")] = UNSET
