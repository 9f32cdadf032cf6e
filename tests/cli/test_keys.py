import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from stellwerk.cli import app
from stellwerk.data.database import Database


@pytest.fixture
def command(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv("STELLWERK_DATABASE__URL", database.dsn)
    monkeypatch.setenv("STELLWERK_DATA_DIR", str(tmp_path))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return run


def test_a_key_s_life(command: Any) -> None:
    secret = command("keys", "create", "app", "--models", "Qwen*,e5", "--expires", "90d").stdout
    assert secret.startswith("stw-")
    assert len(secret.splitlines()) == 1
    [key] = json.loads(command("keys", "list", "--json").stdout)
    assert key["models"] == ["Qwen*", "e5"]
    assert key["expires_at"]
    assert secret.strip().endswith(key["last_four"])
    assert command("keys", "rotate", "app", "--overlap", "24h").stdout != secret
    assert "Revoked app" in command("keys", "revoke", key["id"]).stdout
    assert json.loads(command("keys", "list", "--json").stdout) == []
    assert "app" in command("keys", "list", "--all").stdout


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("revoke", "nobody"), 1, "'nobody'"),
        (("create", "app", "--scopes", "king"), 2, "scopes"),
        (("create", "app", "--expires", "soon"), 2, "--expires"),
        (("rotate", "app", "--overlap", "long"), 2, "--overlap"),
        (("create", " "), 2, "name"),
        (("list", "--config", "/nowhere.toml"), 2, "/nowhere.toml"),
    ],
)
def test_failures_say_why(command: Any, arguments: tuple[str, ...], status: int, text: str) -> None:
    result = command("keys", *arguments)
    assert result.exit_code == status
    assert text in result.stderr


def test_a_wrong_settings_file_is_explained(command: Any, tmp_path: Path) -> None:
    (tmp_path / "stellwerk.toml").write_text("prot = 9000\n[engines]\nmemory = 'much'\n")
    result = command("keys", "list")
    assert result.exit_code == 2
    assert "prot" in result.stderr
    assert "engines.memory" in result.stderr
    (tmp_path / "stellwerk.toml").write_text("port = \n")
    assert "not valid TOML" in command("keys", "list").stderr
