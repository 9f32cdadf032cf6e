"""Rules of a request that hold between its fields, or between it and the model."""

from collections.abc import Iterable, Mapping

from stellwerk.base.errors import InvalidRequestError
from stellwerk.engines.llama.schema import check_schema
from stellwerk.wire.chat import ChatCompletionRequest
from stellwerk.wire.completions import CompletionRequest
from stellwerk.wire.tools import (
    AllowedToolChoice,
    Function,
    JsonSchemaFormat,
    NamedToolChoice,
    Tool,
)

# Each choice is a request of its own to the engine; more of them only wait for each other.
MOST_CHOICES = 16


class InvalidFieldError(InvalidRequestError):
    """A field's value cannot be, or does not go with another field."""

    code = "invalid_value"


class UnknownFunctionError(InvalidFieldError):
    def __init__(self, name: str, known: Iterable[str], param: str) -> None:
        known = ", ".join(sorted(known)) or "none"
        super().__init__(
            f"`{param}` is {name!r}, but `tools` has no function of that name. It has: {known}.",
            param=param,
        )


def check_chat(ask: ChatCompletionRequest, vocabulary: int) -> None:
    """Raises `InvalidFieldError` that names the field at fault."""
    _check_stream(ask)
    _check_choices(ask.n or 1)
    _check_bias(ask.logit_bias, vocabulary)
    if ask.top_logprobs and not ask.logprobs:
        raise InvalidFieldError("`top_logprobs` needs `logprobs` to be true.", param="top_logprobs")
    if ask.modalities and set(ask.modalities) != {"text"}:
        raise InvalidFieldError(
            '`modalities` may only be ["text"]: this model answers in text.', param="modalities"
        )
    if isinstance(ask.response_format, JsonSchemaFormat):
        wanted = ask.response_format.json_schema
        param = "response_format.json_schema.schema"
        check_schema(wanted.schema or {}, strict=bool(wanted.strict), param=param)
    _check_tools(ask.tools or [])
    _check_tool_choice(ask)


def _check_stream(ask: ChatCompletionRequest | CompletionRequest) -> None:
    if ask.stream_options is not None and not ask.stream:
        raise InvalidFieldError(
            "`stream_options` needs `stream` to be true.", param="stream_options"
        )


def _check_choices(choices: int) -> None:
    if choices > MOST_CHOICES:
        raise InvalidFieldError(
            f"`n` asks for {choices} answers, but at most {MOST_CHOICES} are given at once.",
            param="n",
        )


def _check_bias(bias: Mapping[str, float] | None, vocabulary: int) -> None:
    for token in bias or ():
        if not token.isdecimal() or int(token) >= vocabulary:
            raise InvalidFieldError(
                f"`logit_bias` names the token {token!r}. The tokens of this model are the "
                f"numbers from 0 to {vocabulary - 1}.",
                param="logit_bias",
            )


def _check_tools(tools: list[Tool]) -> None:
    seen = set[str]()
    for number, tool in enumerate(tools):
        place = f"tools[{number}].function"
        if tool.function.name in seen:
            raise InvalidFieldError(
                f"`{place}.name` is {tool.function.name!r}, as that of an earlier tool is. "
                "Give each function a name of its own.",
                param=f"{place}.name",
            )
        seen.add(tool.function.name)
        _check_parameters(tool.function, f"{place}.parameters")


def _check_parameters(function: Function, place: str) -> None:
    schema = function.parameters
    if schema is None:
        return
    if schema.get("type", "object") != "object":
        raise InvalidFieldError(
            f"`{place}` must be the schema of an object, but its type is {schema['type']!r}.",
            param=place,
        )
    check_schema(schema, strict=bool(function.strict), param=place)


def _check_tool_choice(ask: ChatCompletionRequest) -> None:
    choice = ask.tool_choice
    names = {tool.function.name for tool in ask.tools or ()}
    if choice in (None, "none", "auto"):
        return
    if not names:
        raise InvalidFieldError("`tool_choice` needs `tools`.", param="tool_choice")
    if isinstance(choice, NamedToolChoice) and choice.function.name not in names:
        raise UnknownFunctionError(choice.function.name, names, "tool_choice.function.name")
    if isinstance(choice, AllowedToolChoice):
        for number, allowed in enumerate(choice.allowed_tools.tools):
            if allowed.function.name not in names:
                place = f"tool_choice.allowed_tools.tools[{number}].function.name"
                raise UnknownFunctionError(allowed.function.name, names, place)


def check_completion(ask: CompletionRequest, vocabulary: int) -> None:
    """Raises `InvalidFieldError` that names the field at fault."""
    _check_stream(ask)
    _check_choices(ask.n or 1)
    _check_bias(ask.logit_bias, vocabulary)
    if ask.best_of is not None and ask.best_of != (ask.n or 1):
        raise InvalidFieldError(
            f"`best_of` is {ask.best_of}, but this engine does not choose among answers. "
            f"Leave it out, or give the same as `n` ({ask.n or 1}).",
            param="best_of",
        )
    if ask.suffix:
        raise InvalidFieldError(
            "`suffix` cannot be honoured: this model only continues text. Leave it out.",
            param="suffix",
        )
    if ask.echo and ask.logprobs is not None:
        raise InvalidFieldError(
            "`echo` and `logprobs` do not go together: this engine has no log-probabilities of "
            "the prompt's tokens. Leave one of them out.",
            param="echo",
        )
