from pathlib import Path

import pytest

from stellwerk.base.errors import InvalidRequestError
from stellwerk.engines.images import spec
from stellwerk.ports.engines import Launch


def launch(*files: str, **options: object) -> Launch:
    return Launch("m", "images", files, options)


def test_a_directory_and_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spec, "NEEDED", ())
    (tmp_path / "unet").mkdir()
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    (tmp_path / "unet" / "weights.safetensors").write_bytes(bytes(1000))
    described = spec.describe(launch(path=str(tmp_path)))
    assert described.footprint > spec.OVERHEAD + 1000


def test_files_with_the_names_of_paths() -> None:
    files = ("/w/sd+model_index.json", "/w/sd+unet+config.json", "/w/sd+unet+a.safetensors")
    found = spec.files_of(files, spec.Options())
    assert list(found) == ["model_index.json", "unet/config.json", "unet/a.safetensors"]


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidRequestError, match=r"no model_index\.json"):
        spec.describe(launch(path=str(tmp_path / "none")))
    with pytest.raises(InvalidRequestError, match=r"NAME\+model_index\.json"):
        spec.describe(launch())
    monkeypatch.setattr(spec, "NEEDED", ("torch_of_another_world",))
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    with pytest.raises(InvalidRequestError, match=r"pip install 'stellwerk\[images\]'"):
        spec.describe(launch(path=str(tmp_path)))


@pytest.mark.parametrize("options", [{"steps": 0}, {"dtype": "int8"}, {"device": "tpu"}, {"a": 1}])
def test_options_that_cannot_be(options: dict[str, object]) -> None:
    with pytest.raises(InvalidRequestError, match="engine images"):
        spec.describe(launch(**options))
