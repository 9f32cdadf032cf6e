"""Whisper: speech to text in about 100 languages, and from them to English text.

Run by faster-whisper 1.2 (CTranslate2 4, 8-bit integers on the processor, Silero VAD, FFmpeg's
decoders by PyAV). Weights: a CTranslate2 conversion of any Whisper model, as four files whose names
end with the names below. Options: `beam_size` (5), `longest` (seconds of one recording, 14400).
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from stellwerk.base.errors import InvalidRequestError
from stellwerk.ports.engines import Description, EngineSpec, Launch, read_options

NEEDED = ("model.bin", "config.json", "tokenizer.json")
# The longer name first: both end with config.json.
KNOWN = ("preprocessor_config.json", *NEEDED, "vocabulary.json", "vocabulary.txt")
# The tokens that one window of 30 seconds can become.
CONTEXT = 448
# Beside the weights: Python, the decoders, the work space of one window and five minutes of sound;
# measured at its peak while it hears an hour.
OVERHEAD = 440 * 2**20


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an entry of the catalogue may set."""

    beam_size: Annotated[int, Meta(ge=1, le=20)] = 5
    longest: Annotated[int, Meta(ge=1, le=7 * 86_400)] = 4 * 3600


def options_of(given: object) -> Options:
    """Raises `InvalidRequestError`."""
    return read_options("speech", given, Options)


def names(files: Iterable[str]) -> dict[str, Path]:
    """Name that the library knows -> file. Raises `InvalidRequestError` when one is missing."""
    found = {}
    for file in files:
        for name in KNOWN:
            if file.endswith(name):
                found[name] = Path(file)
                break
    if missing := [name for name in NEEDED if name not in found]:
        raise InvalidRequestError(
            f"The engine speech needs files whose names end with {', '.join(NEEDED)} (a "
            f"CTranslate2 conversion of Whisper); missing: {', '.join(missing)}."
        )
    return found


def describe(launch: Launch) -> Description:
    """Look at the options and the configuration."""
    options_of(launch.options)
    files = names(launch.files)
    config = json.loads(files["config.json"].read_bytes())
    if "lang_ids" not in config and "suppress_ids" not in config:
        raise InvalidRequestError(f"{files['config.json']} is not Whisper's configuration.")
    return Description(context=CONTEXT, footprint=files["model.bin"].stat().st_size + OVERHEAD)


SPEC = EngineSpec(
    name="speech",
    module="stellwerk.engines.speech",
    serves="STT",
    operations=frozenset({"audio.transcriptions", "audio.translations"}),
    describe=describe,
)
