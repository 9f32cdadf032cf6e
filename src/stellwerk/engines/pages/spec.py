"""Page models that see: ColPali and ColQwen2, as transformers has them.

Run by transformers 5 and PyTorch 2.13, which are the extra `pages`. Weights: a directory as
`save_pretrained` writes it, either named by the option `path`, or as files of the entry
(`colqwen2+config.json`, see `stellwerk.engines.directory`). Options: `path`, `dtype` (`float32`,
`bfloat16` or `float16`), `device` (`cpu`, `cuda`). Models of two billion parameters take a minute a
page without a graphics processor.
"""

import json
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from stellwerk.base.errors import InvalidRequestError
from stellwerk.engines.directory import files_of
from stellwerk.engines.extra import check_installed
from stellwerk.ports.engines import Description, EngineSpec, Launch, read_options

CONFIG = "config.json"
# `model_type` in the configuration -> class of transformers.
CLASSES = {"colqwen2": "ColQwen2ForRetrieval", "colpali": "ColPaliForRetrieval"}
# PyTorch and transformers themselves, and the work space of one page.
OVERHEAD = 1200 * 2**20
NEEDED = ("torch", "transformers")


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an entry of the catalogue may set."""

    path: str | None = None
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: Annotated[str, Meta(pattern=r"^(cpu|cuda(:\d+)?)$")] = "cpu"


def options_of(given: object) -> Options:
    """Raises `InvalidRequestError`."""
    return read_options("pages", given, Options)


def class_of(config: bytes) -> str:
    """The class of transformers. Raises `InvalidRequestError` for another kind of model."""
    told = json.loads(config)
    kind = told.get("model_type") if isinstance(told, dict) else None
    if kind not in CLASSES:
        raise InvalidRequestError(
            f"The engine pages runs models of the kinds {' and '.join(CLASSES)}; {CONFIG} says "
            f"{kind!r}."
        )
    return CLASSES[kind]


def describe(launch: Launch) -> Description:
    """Look at the options, the installation, and what the model says that it is."""
    options = options_of(launch.options)
    files = files_of("pages", launch.files, options.path, CONFIG)
    config = files[CONFIG].read_bytes()
    class_of(config)
    check_installed("pages", NEEDED)
    weights = sum(path.stat().st_size for path in files.values())
    width = json.loads(config).get("embedding_dim")
    return Description(
        context=0,
        embedding=width if isinstance(width, int) else 0,
        footprint=weights + OVERHEAD,
    )


SPEC = EngineSpec(
    name="pages",
    module="stellwerk.engines.pages",
    serves="VISION_EMBEDDING",
    operations=frozenset({"pooling"}),
    describe=describe,
)
