"""Pictures by diffusion: any text-to-image pipeline of diffusers (Stable Diffusion and others).

Run by diffusers 0.42 and PyTorch 2.13, which are the extra `images`. Weights: a directory as
`save_pretrained` writes it, either named by the option `path`, or as files of the entry, whose
names have `+` where the path in the directory has `/`, behind a word that is left out:
`sd-turbo+unet+config.json`. Options: `path`, `steps` (20), `guidance` (7.5), `strength` (0.75: how
much a picture without a mask is changed), `longest` (1024, of a side in pixels), `dtype`
(`float32`, `bfloat16` or `float16`), `device` (`cpu`, `cuda`).
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from stellwerk.base.errors import InvalidRequestError
from stellwerk.engines import directory
from stellwerk.engines.extra import check_installed
from stellwerk.ports.engines import Description, EngineSpec, Launch, read_options

INDEX = "model_index.json"
# PyTorch and diffusers themselves, and the work space of one picture.
OVERHEAD = 1200 * 2**20
NEEDED = ("torch", "diffusers", "transformers")


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an entry of the catalogue may set."""

    path: str | None = None
    steps: Annotated[int, Meta(ge=1, le=200)] = 20
    guidance: Annotated[float, Meta(ge=0, le=50)] = 7.5
    strength: Annotated[float, Meta(gt=0, le=1)] = 0.75
    longest: Annotated[int, Meta(ge=64, le=4096)] = 1024
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: Annotated[str, Meta(pattern=r"^(cpu|cuda(:\d+)?)$")] = "cpu"


def options_of(given: object) -> Options:
    """Raises `InvalidRequestError`."""
    return read_options("images", given, Options)


def files_of(files: Iterable[str], options: Options) -> Mapping[str, Path]:
    """Path in the model's directory -> file. Raises `InvalidRequestError` when it is no model."""
    return directory.files_of("images", files, options.path, INDEX)


def describe(launch: Launch) -> Description:
    """Look at the options, the installation, and what the model says that it is."""
    options = options_of(launch.options)
    files = files_of(launch.files, options)
    index = json.loads(files[INDEX].read_bytes())
    if "_class_name" not in index:
        raise InvalidRequestError(f"{files[INDEX]} does not name a pipeline.")
    check_installed("images", NEEDED)
    weights = sum(path.stat().st_size for path in files.values())
    return Description(context=0, footprint=weights + OVERHEAD)


SPEC = EngineSpec(
    name="images",
    module="stellwerk.engines.images",
    serves="IMAGE",
    operations=frozenset({"images.generations", "images.edits", "images.variations"}),
    describe=describe,
)
