"""llama-rerank: cross-encoders in GGUF files, on the processor.

Such a model (bge-reranker-v2-m3, jina-reranker, Qwen3-Reranker) reads a question and a text
together and says how well the text answers. Run by the same llama.cpp as language models.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from stellwerk.base.errors import InvalidRequestError
from stellwerk.engines.llama.gguf import Header, read_header
from stellwerk.engines.llama.options import Threads
from stellwerk.engines.llama.spec import OVERHEAD, NoWeightsError
from stellwerk.ports.engines import Description, EngineSpec, Launch, read_options

NAME = "llama-rerank"
# A question and a chunk of a store, unless somebody wants more.
CONTEXT = 2048


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a model is run."""

    context: Annotated[
        Annotated[int, Meta(ge=256)] | None,
        Meta(description="Tokens of a question and a text. Default: 2048, or what was trained."),
    ] = None
    slots: Annotated[int, Meta(ge=1, le=64, description="Texts that are read at once.")] = 4
    threads: Threads = None


@dataclass(frozen=True, slots=True)
class Weights:
    """A model's file, what its header says, and how it is to be run."""

    path: Path
    size: int
    header: Header
    options: Options

    @property
    def context(self) -> int:
        """Tokens that a question and a text may have together."""
        trained = self.header.context or CONTEXT
        return min(trained, self.options.context or CONTEXT)

    @property
    def footprint(self) -> int:
        """Bytes. A step reads whole texts, with some vectors for each of its tokens."""
        step = 64 * self.context * self.header.number("embedding_length")
        # Models that read in both directions keep no cache.
        causal = self.header.values.get(f"{self.header.architecture}.attention.causal", True)
        cache = self.header.cache_bytes * self.context * self.options.slots if causal else 0
        return self.size + OVERHEAD + cache + step


def weights(launch: Launch) -> Weights:
    """Read the header of a launch's weights. Errors as in `EngineSpec.describe`."""
    if not launch.files:
        raise NoWeightsError(f"The model {launch.model} names no file of weights.")
    path = Path(launch.files[0])
    header = read_header(path)
    if not header.ranks:
        raise InvalidRequestError(
            f"{path.name} is no model that reranks: no layer makes a score (`cls.output`). "
            "Language models run in the engine llama."
        )
    size = sum(Path(file).stat().st_size for file in launch.files)
    return Weights(path, size, header, read_options(NAME, launch.options, Options))


def describe(launch: Launch) -> Description:
    """Read the header of the weights."""
    found = weights(launch)
    return Description(context=found.context, footprint=found.footprint)


SPEC = EngineSpec(
    name=NAME,
    module="stellwerk.engines.llama.rerank",
    serves="RERANK",
    operations=frozenset({"rerank"}),
    describe=describe,
)
