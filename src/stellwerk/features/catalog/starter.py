"""The models that Stellwerk offers before anyone configures one: `starter.toml`."""

import tomllib
from importlib.resources import files

from stellwerk.base.model_entry import ModelEntry


def starter_models() -> tuple[ModelEntry, ...]:
    """Models that chat, embed, hear, speak and read pictures; a tiny one for tests."""
    text = files(__package__).joinpath("starter.toml").read_text("utf-8")
    return tuple(ModelEntry.model_validate(entry) for entry in tomllib.loads(text)["models"])
