"""Speaking: Piper's voices, and espeak-ng's plain ones for the languages that have none.

Run by ONNX Runtime 1 (VITS networks, one thread for each core) with pronunciations of espeak-ng
1.52 (the extra `voice`), which also speaks by itself: in over 100 languages, intelligible and
robotic. Weights: any number of Piper voices, each as two files whose names end with `.onnx` and
`.onnx.json`. Options: `longest` (characters of a text, 4096), `plain` (whether espeak-ng's own
voices may be used, true).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from stellwerk.base.errors import InvalidRequestError
from stellwerk.engines.voice.piper_config import read_config
from stellwerk.ports.engines import Description, EngineSpec, Launch, read_options

NETWORK, CONFIG = ".onnx", ".onnx.json"
LIBRARY = "espeakng_loader"
# Python, espeak-ng, the encoders, and the work space of what is spoken at once.
OVERHEAD = 430 * 2**20


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an entry of the catalogue may set."""

    longest: Annotated[int, Meta(ge=1, le=1_000_000)] = 4096
    plain: bool = True


@dataclass(frozen=True, slots=True)
class VoiceFiles:
    """A Piper voice: `joe` is the name of `en_US-joe-medium.onnx`."""

    name: str
    network: Path
    config: Path


def options_of(given: object) -> Options:
    """Raises `InvalidRequestError`."""
    return read_options("voice", given, Options)


def voices_of(files: Iterable[str], options: Options) -> list[VoiceFiles]:
    """The voices of these files, in order. Raises `InvalidRequestError` where one is missing."""
    paths = [Path(file) for file in files]
    configs = {path.name.removesuffix(CONFIG): path for path in paths if path.name.endswith(CONFIG)}
    networks = {path.name.removesuffix(NETWORK): path for path in paths if path.suffix == NETWORK}
    if unpaired := configs.keys() ^ networks.keys():
        raise InvalidRequestError(
            f"A Piper voice is two files, NAME{NETWORK} and NAME{CONFIG}; of "
            f"{', '.join(sorted(unpaired))} there is one."
        )
    if not networks and not options.plain:
        raise InvalidRequestError("There is no voice: give files of one, or set `plain` to true.")
    return [VoiceFiles(_short(stem), path, configs[stem]) for stem, path in networks.items()]


def _short(stem: str) -> str:
    """Piper names its files LANGUAGE-NAME-QUALITY."""
    parts = stem.split("-")
    return parts[1] if len(parts) == 3 else stem


def check_installed() -> None:
    """Raises `InvalidRequestError` that says what to install."""
    if find_spec(LIBRARY) is None:
        raise InvalidRequestError(
            "The engine voice needs espeak-ng, which is under the GPL and does not come by itself: "
            "`pip install 'stellwerk[voice]'`."
        )


def describe(launch: Launch) -> Description:
    """Look at the options, the installation, and what stands beside the networks."""
    voices = voices_of(launch.files, options_of(launch.options))
    check_installed()
    for voice in voices:
        read_config(voice.config)
    networks = sum(voice.network.stat().st_size for voice in voices)
    return Description(context=0, footprint=networks + OVERHEAD)


SPEC = EngineSpec(
    name="voice",
    module="stellwerk.engines.voice",
    serves="TTS",
    operations=frozenset({"audio.speech"}),
    describe=describe,
)
