"""Chat completions: the shapes that go in and out of `POST /chat/completions`."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Text = Annotated[str, Meta(description="The text.")]
Name = Annotated[str | None, Meta(description="Name of who speaks.")]


class TextPart(Struct, tag_field="type", tag="text"):
    """A part of a message that is text."""

    text: Text


class ImageUrl(Struct):
    """Where an image is."""

    url: Annotated[str, Meta(description="An https address, or a `data:` URL with base64.")]
    detail: Annotated[str | None, Meta(description="How closely to look: low, high, auto.")] = None


class ImagePart(Struct, tag_field="type", tag="image_url"):
    """A part of a message that is an image."""

    image_url: Annotated[ImageUrl, Meta(description="The image.")]


class InputAudio(Struct):
    """Sound in the request itself."""

    data: Annotated[str, Meta(description="The bytes in base64.")]
    format: Annotated[str, Meta(description="`wav` or `mp3`.")]


class AudioPart(Struct, tag_field="type", tag="input_audio"):
    """A part of a message that is sound."""

    input_audio: Annotated[InputAudio, Meta(description="The sound.")]


class FileReference(Struct):
    """A file, in the request or uploaded before."""

    file_id: Annotated[str | None, Meta(description="Id of an uploaded file.")] = None
    file_data: Annotated[str | None, Meta(description="The bytes in base64.")] = None
    filename: Annotated[str | None, Meta(description="Its name.")] = None


class FilePart(Struct, tag_field="type", tag="file"):
    """A part of a message that is a file."""

    file: Annotated[FileReference, Meta(description="The file.")]


class RefusalPart(Struct, tag_field="type", tag="refusal"):
    """A part of an assistant's message in which it refused."""

    refusal: Annotated[str, Meta(description="What it said.")]


Part = TextPart | ImagePart | AudioPart | FilePart | RefusalPart
Content = Annotated[str | list[Part], Meta(description="Text, or a list of parts.")]
OptionalContent = Annotated[
    str | list[Part] | None, Meta(description="Text, a list of parts, or null beside tool calls.")
]


class FunctionCall(Struct):
    """A function to be called."""

    name: Annotated[str, Meta(description="Name of the function.")]
    arguments: Annotated[str, Meta(description="Its arguments, as JSON in a string.")]


class ToolCall(Struct):
    """A call that the model asks for."""

    id: Annotated[str, Meta(description="Names the call; its result repeats it.")]
    function: Annotated[FunctionCall, Meta(description="The function and its arguments.")]
    type: Annotated[Literal["function"], Meta(description="Always `function`.")] = "function"


class SystemMessage(Struct, tag_field="role", tag="system"):
    """What the model is to be."""

    content: Content
    name: Name = None


class DeveloperMessage(Struct, tag_field="role", tag="developer"):
    """The same as a system message, under its newer name."""

    content: Content
    name: Name = None


class UserMessage(Struct, tag_field="role", tag="user"):
    """What the user says."""

    content: Content
    name: Name = None


class AssistantMessage(Struct, tag_field="role", tag="assistant"):
    """What the model said, or asked for, earlier."""

    content: OptionalContent = None
    name: Name = None
    refusal: Annotated[str | None, Meta(description="What it refused with.")] = None
    reasoning_content: Annotated[str | None, Meta(description="What it thought.")] = None
    tool_calls: Annotated[list[ToolCall] | None, Meta(description="The calls it asked for.")] = None


class ToolMessage(Struct, tag_field="role", tag="tool"):
    """The result of a call."""

    content: Content
    tool_call_id: Annotated[str, Meta(description="Id of the call that this answers.")]


class FunctionMessage(Struct, tag_field="role", tag="function"):
    """The result of a call, in the form before tools."""

    content: OptionalContent
    name: Annotated[str, Meta(description="Name of the function.")]


Message = (
    SystemMessage
    | DeveloperMessage
    | UserMessage
    | AssistantMessage
    | ToolMessage
    | FunctionMessage
)


class Function(Struct):
    """A function that the model may ask for."""

    name: Annotated[
        str, Meta(pattern=r"^[a-zA-Z0-9_.-]{1,64}$", description="Letters, digits, `_`, `.`, `-`.")
    ]
    description: Annotated[str | None, Meta(description="When and why to call it.")] = None
    parameters: Annotated[
        dict[str, Any] | None, Meta(description="JSON schema of its arguments.")
    ] = None
    strict: Annotated[
        bool | None, Meta(description="Whether the arguments must keep to the schema.")
    ] = None


class Tool(Struct):
    """A tool that the model may ask for."""

    function: Annotated[Function, Meta(description="The function.")]
    type: Annotated[Literal["function"], Meta(description="Always `function`.")] = "function"


class FunctionName(Struct):
    """One function."""

    name: Annotated[str, Meta(description="Its name.")]


class NamedToolChoice(Struct):
    """The one function that must be called."""

    function: Annotated[FunctionName, Meta(description="The function.")]
    type: Annotated[Literal["function"], Meta(description="Always `function`.")] = "function"


class JsonSchema(Struct):
    """A schema that the answer has to keep to."""

    name: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$", description="Its name.")]
    schema: Annotated[dict[str, Any] | None, Meta(description="The JSON schema.")] = None
    description: Annotated[str | None, Meta(description="What the answer is for.")] = None
    strict: Annotated[bool | None, Meta(description="Whether to keep to it exactly.")] = None


class TextFormat(Struct, tag_field="type", tag="text"):
    """Plain text."""


class JsonObjectFormat(Struct, tag_field="type", tag="json_object"):
    """Any JSON object."""


class JsonSchemaFormat(Struct, tag_field="type", tag="json_schema"):
    """JSON that keeps to a schema."""

    json_schema: Annotated[JsonSchema, Meta(description="The schema and its name.")]


ResponseFormat = TextFormat | JsonObjectFormat | JsonSchemaFormat


class StreamOptions(Struct):
    """What a stream tells besides the text."""

    include_usage: Annotated[
        bool | None, Meta(description="End with a chunk that holds the usage.")
    ] = None


Penalty = Annotated[float, Meta(ge=-2, le=2)]
Bias = Annotated[float, Meta(ge=-100, le=100)]


class ChatCompletionRequest(Struct, kw_only=True):
    """A conversation, and how the model is to go on with it."""

    model: Annotated[
        str, Meta(description="Id or alias of a model.", examples=["Qwen2.5-Coder-0.5B-Instruct"])
    ]
    messages: Annotated[
        list[Message],
        Meta(
            min_length=1,
            description="The conversation so far.",
            examples=[[{"role": "user", "content": "Say hello in German."}]],
        ),
    ]
    stream: Annotated[bool | None, Meta(description="Send the answer piece by piece.")] = None
    stream_options: Annotated[
        StreamOptions | None, Meta(description="Only together with `stream`.")
    ] = None
    max_completion_tokens: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="Most tokens of the answer.")
    ] = None
    max_tokens: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="The same, under its older name.", examples=[64]),
    ] = None
    n: Annotated[
        Annotated[int, Meta(ge=1, le=128)] | None, Meta(description="How many answers.")
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
    logprobs: Annotated[bool | None, Meta(description="Tell each token's log-probability.")] = None
    top_logprobs: Annotated[
        Annotated[int, Meta(ge=0, le=20)] | None,
        Meta(description="And those of so many other tokens. Needs `logprobs`."),
    ] = None
    response_format: Annotated[
        ResponseFormat | None, Meta(description="Text, any JSON object, or JSON after a schema.")
    ] = None
    tools: Annotated[list[Tool] | None, Meta(description="Functions that may be called.")] = None
    tool_choice: Annotated[
        Literal["none", "auto", "required"] | NamedToolChoice | None,
        Meta(description="Whether a function must be called, and which. Default `auto`."),
    ] = None
    parallel_tool_calls: Annotated[
        bool | None, Meta(description="Whether several calls at once are welcome. Default true.")
    ] = None
    reasoning_effort: Annotated[
        str | None, Meta(description="How long a thinking model may think.")
    ] = None
    chat_template_kwargs: Annotated[
        dict[str, Any] | None, Meta(description="Variables for the model's chat template.")
    ] = None
    modalities: Annotated[
        list[str] | None, Meta(description="What the answer may be: `text`, `audio`.")
    ] = None
    user: Annotated[str | None, Meta(description="Your name for the end user. Not used.")] = None
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


class PromptTokensDetails(Struct):
    """What the prompt's tokens were."""

    cached_tokens: Annotated[int, Meta(description="Taken from the cache.")] = 0


class Usage(Struct):
    """What the call took."""

    prompt_tokens: Annotated[int, Meta(description="Tokens of the prompt.")]
    completion_tokens: Annotated[int, Meta(description="Tokens of all answers.")]
    total_tokens: Annotated[int, Meta(description="Both together.")]
    prompt_tokens_details: Annotated[
        PromptTokensDetails | None, Meta(description="More on the prompt.")
    ] = None


FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]


class AnswerMessage(Struct, kw_only=True):
    """What the model answers."""

    role: Literal["assistant"] = "assistant"
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


class ChatCompletion(Struct, kw_only=True):
    """The whole answer."""

    id: Annotated[str, Meta(description="Names this answer.")]
    object: Literal["chat.completion"] = "chat.completion"
    created: Annotated[int, Meta(description="Unix seconds.")]
    model: Annotated[str, Meta(description="The model, as the request named it.")]
    choices: Annotated[list[Choice], Meta(description="The answers.")]
    usage: Annotated[Usage, Meta(description="What the call took.")]


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

    id: Annotated[str, Meta(description="The same in all chunks of a stream.")]
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: Annotated[int, Meta(description="Unix seconds.")]
    model: Annotated[str, Meta(description="The model, as the request named it.")]
    choices: Annotated[
        list[ChunkChoice], Meta(description="Pieces; empty in the chunk with the usage.")
    ]
    usage: Annotated[
        Usage | UnsetType | None,
        Meta(description="In the last chunk, if `stream_options.include_usage` asked for it."),
    ] = UNSET
