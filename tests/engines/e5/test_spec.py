from pathlib import Path

import pytest

from stellwerk.base.errors import InvalidRequestError
from stellwerk.engines.e5.spec import SPEC, weights
from stellwerk.ports.engines import Launch


def test_the_weights_say_what_they_are() -> None:
    described = SPEC.describe(Launch("e5", "e5"))
    assert described.context == 512
    assert described.embedding == 384
    assert described.footprint > weights(()).stat().st_size


def test_a_given_file_goes_before_the_one_that_comes_with_the_library(tmp_path: Path) -> None:
    copy = tmp_path / "e5.bin"
    copy.write_bytes(weights(()).read_bytes()[:100])
    described = SPEC.describe(Launch("e5", "e5", files=(str(copy),)))
    assert described.embedding == 384
    assert described.footprint < SPEC.describe(Launch("e5", "e5")).footprint


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "model.gguf"
    other.write_bytes(b"GGUF" + b"\0" * 100)
    with pytest.raises(InvalidRequestError, match=r"model\.gguf does not hold weights"):
        SPEC.describe(Launch("e5", "e5", files=(str(other),)))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.bin"
    empty.touch()
    with pytest.raises(InvalidRequestError, match="does not hold weights"):
        SPEC.describe(Launch("e5", "e5", files=(str(empty),)))


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        SPEC.describe(Launch("e5", "e5", files=(str(tmp_path / "none.bin"),)))


def test_options_are_refused_by_name() -> None:
    with pytest.raises(InvalidRequestError, match="n_ctx"):
        SPEC.describe(Launch("e5", "e5", options={"n_ctx": 1}))
