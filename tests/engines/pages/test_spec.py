import json
from pathlib import Path

import pytest

from stellwerk.base.errors import InvalidRequestError
from stellwerk.engines.pages import spec
from stellwerk.ports.engines import Launch


def launch(*files: str, **options: object) -> Launch:
    return Launch("m", "pages", files, options)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(spec, "NEEDED", ())
    config = {"model_type": "colqwen2", "embedding_dim": 128}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes(bytes(1000))
    return tmp_path


def test_a_directory(model: Path) -> None:
    described = spec.describe(launch(path=str(model)))
    assert described.embedding == 128
    assert described.footprint > spec.OVERHEAD + 1000


def test_files_of_an_entry(model: Path) -> None:
    for path in list(model.iterdir()):
        path.rename(model / f"colqwen2+{path.name}")
    described = spec.describe(launch(*(str(path) for path in model.iterdir())))
    assert described.embedding == 128


def test_what_is_wrong_is_said(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidRequestError, match=r"NAME\+config\.json"):
        spec.describe(launch())
    with pytest.raises(InvalidRequestError, match="engine pages"):
        spec.describe(launch(dtype="int8"))
    monkeypatch.setattr(spec, "NEEDED", ("torch_of_another_world",))
    with pytest.raises(InvalidRequestError, match=r"pip install 'stellwerk\[pages\]'"):
        spec.describe(launch(path=str(model)))
    (model / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(InvalidRequestError, match="says 'llama'"):
        spec.describe(launch(path=str(model)))
