from pathlib import Path

import pytest

from stellwerk.base.errors import InvalidRequestError
from stellwerk.engines.ocr.spec import OVERHEAD, describe, options_of
from stellwerk.ports.engines import Launch


def files(directory: Path, *names: str) -> tuple[str, ...]:
    for name in names:
        (directory / name).write_bytes(b"12345")
    return tuple(str(directory / name) for name in names)


def test_the_footprint(tmp_path: Path) -> None:
    given = files(tmp_path, "a_det_small.onnx", "a_rec_small.onnx")
    assert describe(Launch("m", "ocr", given)).footprint == 10 + OVERHEAD


def test_a_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match=r"det_small\.onnx and rec_small"):
        describe(Launch("m", "ocr", files(tmp_path, "a_det_small.onnx")))


@pytest.mark.parametrize("options", [{"sure": 2}, {"longer_side": 3}, {"languages": ["de"]}])
def test_wrong_options(options: dict[str, object]) -> None:
    with pytest.raises(InvalidRequestError, match="engine ocr"):
        options_of(options)
