"""The JSON file beside a Piper network."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from stellwerk.base.errors import InvalidRequestError

BEGIN, END, PAD = "^", "$", "_"


class _Audio(msgspec.Struct):
    sample_rate: Annotated[int, Meta(ge=8000, le=192_000)]


class _Pronounced(msgspec.Struct):
    voice: str


class _Inference(msgspec.Struct, frozen=True):
    noise_scale: float = 0.667
    length_scale: float = 1.0
    noise_w: float = 0.8


class PiperConfig(msgspec.Struct):
    """The file beside the network."""

    audio: _Audio
    espeak: _Pronounced
    phoneme_id_map: dict[str, list[int]]
    inference: _Inference = _Inference()
    phoneme_type: Literal["espeak", "text"] = "espeak"
    num_speakers: int = 1
    speaker_id_map: dict[str, int] = {}

    @property
    def language(self) -> str:
        """`en` of `en-us`."""
        return self.espeak.voice.partition("-")[0].lower()


def read_config(path: Path) -> PiperConfig:
    """Raises `InvalidRequestError` for what is no configuration of Piper's, and `OSError`."""
    try:
        config = msgspec.json.decode(path.read_bytes(), type=PiperConfig)
    except msgspec.MsgspecError as error:
        raise InvalidRequestError(f"{path} is not the JSON of a Piper voice: {error}.") from error
    if missing := {BEGIN, END, PAD} - config.phoneme_id_map.keys():
        raise InvalidRequestError(f"{path} has no number for {', '.join(sorted(missing))}.")
    return config
