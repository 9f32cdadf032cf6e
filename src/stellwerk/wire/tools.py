"""Functions that a model may ask for, and the form that its answer must have."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

LOCATION = {
    "type": "object",
    "properties": {"location": {"type": "string"}},
    "required": ["location"],
}


class Function(Struct):
    """A function that the model may ask for."""

    name: Annotated[
        str,
        Meta(
            pattern=r"^[a-zA-Z0-9_.-]{1,64}$",
            description="Up to 64 letters, digits, `_`, `.`, `-`.",
            examples=["get_current_weather"],
        ),
    ]
    description: Annotated[str | None, Meta(description="What it does, and when to call it.")] = (
        None
    )
    parameters: Annotated[
        dict[str, Any] | None,
        Meta(description="JSON schema of its arguments, an object.", examples=[LOCATION]),
    ] = None
    strict: Annotated[
        bool | None,
        Meta(description="Refuse a schema that cannot be enforced to the last keyword."),
    ] = None


class Tool(Struct):
    """A tool that the model may ask for."""

    function: Annotated[Function, Meta(description="The function.")]
    type: Annotated[Literal["function"], Meta(description="Always `function`.")] = "function"


class FunctionName(Struct):
    """One function."""

    name: Annotated[str, Meta(description="Its name.")]


class NamedToolChoice(Struct, tag_field="type", tag="function"):
    """The one function that must be called."""

    function: Annotated[FunctionName, Meta(description="The function.")]


class AllowedTool(Struct):
    """One of the tools that are allowed now."""

    function: Annotated[FunctionName, Meta(description="The function.")]
    type: Annotated[Literal["function"], Meta(description="Always `function`.")] = "function"


class AllowedTools(Struct):
    """Some of the tools, and whether one of them must be called."""

    mode: Annotated[Literal["auto", "required"], Meta(description="May or must be called.")]
    tools: Annotated[list[AllowedTool], Meta(min_length=1, description="Those that are allowed.")]


class AllowedToolChoice(Struct, tag_field="type", tag="allowed_tools"):
    """Narrows the tools down without changing their list."""

    allowed_tools: Annotated[AllowedTools, Meta(description="Which tools, and how.")]


ToolChoice = Literal["none", "auto", "required"] | NamedToolChoice | AllowedToolChoice


class JsonSchema(Struct):
    """A schema that the answer has to keep to."""

    name: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$", description="Its name.")]
    schema: Annotated[
        dict[str, Any] | None, Meta(description="The JSON schema.", examples=[LOCATION])
    ] = None
    description: Annotated[str | None, Meta(description="What the answer is for.")] = None
    strict: Annotated[
        bool | None,
        Meta(description="Refuse a schema that cannot be enforced to the last keyword."),
    ] = None


class TextFormat(Struct, tag_field="type", tag="text"):
    """Plain text."""


class JsonObjectFormat(Struct, tag_field="type", tag="json_object"):
    """Any JSON object."""


class JsonSchemaFormat(Struct, tag_field="type", tag="json_schema"):
    """JSON that keeps to a schema."""

    json_schema: Annotated[JsonSchema, Meta(description="The schema and its name.")]


ResponseFormat = TextFormat | JsonObjectFormat | JsonSchemaFormat
