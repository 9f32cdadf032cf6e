"""The options of this engine, as the catalogue holds them for a model."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from stellwerk.base.errors import InvalidRequestError

ToolStyle = Literal["auto", "native", "guided"]
Threads = Annotated[
    Annotated[int, Meta(ge=1, le=512)] | None,
    Meta(description="Threads that compute. Default: what the supervisor gives."),
]

# What one request may use where nobody said otherwise: enough for a document and an answer, and
# little enough that four requests of a small model fit into a laptop's memory.
CONTEXT = 8192


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a model is run. Sizes in tokens where nothing else is said."""

    context: Annotated[
        Annotated[int, Meta(ge=256)] | None,
        Meta(description="Prompt and answer of one request. Default: 8192, or what was trained."),
    ] = None
    slots: Annotated[int, Meta(ge=1, le=64, description="Requests that are answered at once.")] = 4
    threads: Threads = None
    batch: Annotated[
        int, Meta(ge=32, le=8192, description="Prompt tokens that are read in one step.")
    ] = 512
    prompt_cache: Annotated[
        int, Meta(ge=0, description="MiB of memory for prompts that may come again.")
    ] = 256
    mmproj: Annotated[
        str | None,
        Meta(description="Which of the files is the projector of a model that sees."),
    ] = None
    tool_style: Annotated[
        ToolStyle,
        Meta(
            description="Who decides on calls: the model in its own form (native), or the model "
            "led step by step through examples and a grammar (guided). auto looks at the weights."
        ),
    ] = "auto"
    temperature: Annotated[float, Meta(ge=0, le=2, description="Where a request says none.")] = 1.0
    top_p: Annotated[float, Meta(ge=0, le=1, description="Where a request says none.")] = 1.0
    min_p: Annotated[
        float,
        Meta(ge=0, le=1, description="Where a request says neither temperature nor top_p."),
    ] = 0.05


class OptionsError(InvalidRequestError):
    """The catalogue entry has options that the engine does not know or cannot keep."""

    code = "invalid_options"


def read_options(options: Mapping[str, Any] | None) -> Options:
    """Raises `OptionsError` that names the option at fault."""
    try:
        return msgspec.convert(dict(options or {}), Options)
    except msgspec.ValidationError as error:
        place = str(error).replace(" - at `$.", " in option `")
        raise OptionsError(f"Options of the engine llama: {place}.") from error
