"""The models that Stellwerk offers before anyone configures one: `starter.toml`."""

import tomllib
from importlib.resources import files

from stellwerk.base.model_entry import ModelEntry


def starter_models() -> tuple[ModelEntry, ...]:
    """A chat model, a tiny one for tests, an embedding model, a speech model and one for OCR."""
    text = files(__package__).joinpath("starter.toml").read_text("utf-8")
    return tuple(ModelEntry.model_validate(entry) for entry in tomllib.loads(text)["models"])
