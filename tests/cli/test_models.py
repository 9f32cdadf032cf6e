import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from stellwerk.cli import app


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv("STELLWERK_DATA_DIR", str(tmp_path))
    (tmp_path / "weights.bin").write_bytes(b"weights")
    (tmp_path / "stellwerk.toml").write_text(f"""
        starter_models = false
        [[models]]
        id = "mine"
        aliases = ["latest"]
        type = "EMBEDDING"
        engine = "e5"
        [[models.files]]
        name = "mine.bin"
        sources = [{{ path = "{tmp_path}/weights.bin" }}]
        [[models]]
        id = "theirs"
        upstream = {{ url = "https://example.test/v1" }}
    """)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return run


def listed(command: Any) -> dict[str, str]:
    rows = json.loads(command("models", "list", "--json").stdout)
    return {row["id"]: row["weights"] for row in rows}


def test_pull_and_remove(command: Any, tmp_path: Path) -> None:
    assert listed(command) == {"mine": "missing", "theirs": "none needed"}
    assert command("models", "pull", "latest").exit_code == 0
    assert (tmp_path / "models" / "mine.bin").read_bytes() == b"weights"
    assert listed(command)["mine"] == "present"
    assert "mine: removed" in command("models", "remove", "mine").stdout
    assert listed(command)["mine"] == "missing"


def test_pull_all_tells_what_failed(command: Any, tmp_path: Path) -> None:
    (tmp_path / "weights.bin").unlink()
    result = command("models", "pull")
    assert result.exit_code == 1
    assert "mine.bin" in result.stderr


def test_unknown_model(command: Any) -> None:
    result = command("models", "pull", "mime")
    assert result.exit_code == 1
    assert "Did you mean 'mine'" in result.stderr


def test_the_table(command: Any) -> None:
    table = command("models", "list").stdout
    assert "mine" in table
    assert "missing" in table
