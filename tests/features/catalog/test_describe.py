import struct
from pathlib import Path
from typing import Any

import pytest

from stellwerk.base.errors import InvalidRequestError
from stellwerk.base.model_entry import ModelEntry
from stellwerk.engines.e5.spec import SPEC as E5
from stellwerk.engines.llama.spec import SPEC as LLAMA
from stellwerk.features.catalog.describe import Describer
from stellwerk.features.weights.store import Store

HEADER = struct.pack("<4sI6i", b"E5S1", 1, 384, 12, 12, 1536, 250_002, 512)


def describer(directory: Path) -> Describer:
    return Describer({"e5": E5, "llama": LLAMA}, Store(directory / "models"))


def entry(weights: Path, **fields: Any) -> ModelEntry:
    file = {"name": "m.bin", "sources": [{"path": str(weights)}]}
    made = {"id": "m", "type": "EMBEDDING", "engine": "e5", "files": [file], **fields}
    return ModelEntry.model_validate(made)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "m.bin"
    path.write_bytes(HEADER)
    return path


def test_the_engine_looks_at_the_options_once_the_weights_are_here(
    weights: Path, tmp_path: Path
) -> None:
    good, bad = entry(weights), entry(weights, options={"context": 5})
    describer(tmp_path).check(bad)
    Store(tmp_path / "models").pull(good)
    describer(tmp_path).check(good)
    with pytest.raises(InvalidRequestError, match="context") as caught:
        describer(tmp_path).check(bad)
    assert caught.value.param == "options"


def test_weights_that_are_wrong_are_no_fault_of_the_entry(weights: Path, tmp_path: Path) -> None:
    weights.write_bytes(b"nothing")
    bad = entry(weights, options={"context": 5})
    Store(tmp_path / "models").pull(bad)
    describer(tmp_path).check(bad)


def test_an_engine_that_needs_weights_gets_some(tmp_path: Path) -> None:
    bare = ModelEntry.model_validate({"id": "m", "engine": "llama"})
    with pytest.raises(InvalidRequestError) as caught:
        describer(tmp_path).check(bare)
    assert caught.value.param == "files"
