from pathlib import Path

import pytest
from pydantic import ValidationError

from stellwerk.base.settings import load_settings


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("STELLWERK_CONFIG", raising=False)
    monkeypatch.setenv("STELLWERK_DATA_DIR", str(tmp_path))


def test_a_flag_beats_the_environment_which_beats_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stellwerk.toml").write_text('port = 1\nhost = "::1"\nworkers = 2\n')
    monkeypatch.setenv("STELLWERK_PORT", "3")
    monkeypatch.setenv("STELLWERK_WORKERS", "4")
    read = load_settings(port=5)
    assert (read.port, read.workers, read.host) == (5, 4, "::1")


def test_nested_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STELLWERK_DATABASE__URL", "postgresql://u:secret@h/d")
    monkeypatch.setenv("STELLWERK_ENGINES__MEMORY", "3GiB")
    read = load_settings()
    assert read.database.url is not None
    assert read.engines.memory == 3 * 2**30
    assert "secret" not in repr(read)


@pytest.mark.parametrize("text", ["prot = 1", "[engines]\nmemroy = 1", "port = 70000"])
def test_a_misspelt_or_impossible_setting_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.toml"
    path.write_text(text)
    with pytest.raises(ValidationError):
        load_settings(path)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_settings(tmp_path / "nowhere.toml")


def test_models_are_read(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    path.write_text('[[models]]\nid = "gpt"\nupstream = { url = "https://example.test/v1" }\n')
    assert load_settings(path).models[0].id == "gpt"
