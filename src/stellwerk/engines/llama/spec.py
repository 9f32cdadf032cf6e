"""llama: language models in GGUF files, on the processor.

Run by xllamacpp 2026.10.11549 (llama.cpp b11549), which needs AVX2. One child process per model,
with several slots that share each step (continuous batching). With a projector (option `mmproj`)
a model sees pictures. Limits: one file of weights (or the first of a split set), no
log-probabilities of a prompt.
"""

from dataclasses import dataclass
from pathlib import Path

from stellwerk.base.errors import InvalidRequestError
from stellwerk.engines.llama.gguf import Header, read_header
from stellwerk.engines.llama.options import CONTEXT, Options, OptionsError, read_options
from stellwerk.ports.engines import Description, EngineSpec, Launch

# What Python, the tokenizer and the work space of a step take beside weights and caches; measured.
OVERHEAD = 230 * 2**20
# A picture on its way, and the work space of the projector.
LOOKING = 300 * 2**20


class NoWeightsError(InvalidRequestError):
    """The catalogue entry names no file."""

    code = "no_weights"


@dataclass(frozen=True, slots=True)
class Weights:
    """A model's file, what its header says, and how it is to be run.

    `projector` is the file that turns pictures into what the model reads, if it sees.
    """

    path: Path
    size: int
    header: Header
    options: Options
    projector: Path | None = None

    @property
    def context(self) -> int:
        """Tokens that one request may use, prompt and answer together."""
        trained = self.header.context
        asked = self.options.context
        if asked is None:
            return min(trained, CONTEXT) if trained else CONTEXT
        if trained and asked > trained:
            raise OptionsError(
                f"Options of the engine llama: `context` is {asked}, but {self.path.name} was "
                f"trained for {trained} tokens. Give at most {trained}."
            )
        return asked

    @property
    def footprint(self) -> int:
        cache = self.header.cache_bytes * self.context * self.options.slots
        looking = LOOKING if self.projector is not None else 0
        return self.size + cache + self.options.prompt_cache * 2**20 + OVERHEAD + looking


def weights(launch: Launch) -> Weights:
    """Read the header of a launch's weights. Errors as in `EngineSpec.describe`."""
    if not launch.files:
        raise NoWeightsError(f"The model {launch.model} names no file of weights.")
    paths = [Path(file) for file in launch.files]
    size = sum(path.stat().st_size for path in paths)
    options = read_options(launch.options)
    projector = _projector(paths, options)
    texts = [path for path in paths if path != projector]
    if not texts:
        raise NoWeightsError(f"The model {launch.model} names no file beside its projector.")
    header = read_header(texts[0])
    if header.ranks:
        raise InvalidRequestError(
            f"{texts[0].name} scores texts and writes none. Such models run in the engine "
            'llama-rerank, with `type = "RERANK"`.'
        )
    return Weights(texts[0], size, header, options, projector)


def _projector(paths: list[Path], options: Options) -> Path | None:
    """Raises `OptionsError` for a file that is not there or that is no projector."""
    if options.mmproj is None:
        return None
    found = next((path for path in paths if path.name == options.mmproj), None)
    if found is None:
        named = ", ".join(path.name for path in paths)
        raise OptionsError(
            f"Options of the engine llama: `mmproj` is {options.mmproj!r}, which is none of the "
            f"model's files: {named}."
        )
    if not read_header(found).values.get("clip.has_vision_encoder"):
        raise OptionsError(
            f"Options of the engine llama: `mmproj`: {found.name} is no projector for pictures."
        )
    return found


def describe(launch: Launch) -> Description:
    """Read the header of the weights."""
    found = weights(launch)
    return Description(context=found.context, footprint=found.footprint)


SPEC = EngineSpec(
    name="llama",
    module="stellwerk.engines.llama",
    serves="LLM",
    operations=frozenset({"chat.completions", "completions"}),
    describe=describe,
    sees=lambda options: bool(options.get("mmproj")),
)
