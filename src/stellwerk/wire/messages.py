"""A conversation: the messages of a chat, their parts, and the calls within them."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Name = Annotated[str | None, Meta(description="Name of who speaks. Local models do not read it.")]


class TextPart(Struct, tag_field="type", tag="text"):
    """A part of a message that is text."""

    text: Annotated[str, Meta(description="The text.")]


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
