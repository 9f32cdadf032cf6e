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


def test_limits_of_a_key_and_its_project(command: Any) -> None:
    command("keys", "create", "app", "--rpm", "20", "--monthly-budget", "12.50")
    assert command("keys", "update", "app", "--rpm", "none", "--concurrent", "3").exit_code == 0
    assert command("projects", "update", "default", "--input-tpm", "9000").exit_code == 0
    [key] = json.loads(command("keys", "list", "--json").stdout)
    limited = {name: value for name, value in key["limits"].items() if value is not None}
    assert limited == {"monthly_budget": "12.50", "concurrent_requests": 3}
    [project] = json.loads(command("projects", "list", "--json").stdout)
    assert project["limits"] == {"input_tokens_per_minute": 9000}


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("revoke", "nobody"), 1, "'nobody'"),
        (("create", "app", "--scopes", "king"), 2, "scopes"),
        (("create", "app", "--expires", "soon"), 2, "--expires"),
        (("create", "app", "--expires", "²d"), 2, "--expires"),
        (("create", "app", "--expires", "99999999999d"), 2, "--expires"),
        (("create", "app", "--expires", "2040-01-01T00:00:00+99:00"), 2, "--expires"),
        (("create", "app", "--expires", "9999-12-31T23:59:59-12:00"), 2, "expires_at"),
        (("create", "app", "--expires", "2001-01-01T00:00:00Z"), 2, "expires_at"),
        (("create", "app", "--expires", "0s"), 2, "expires_at"),
        (("rotate", "app", "--overlap", "31d"), 2, "--overlap"),
        (("rotate", "app", "--overlap", "99999999999d"), 2, "--overlap"),
        (("create", "a/b"), 2, "name"),
        (("create", ""), 2, "name"),
        (("rotate", "app", "--overlap", "long"), 2, "--overlap"),
        (("create", " "), 2, "name"),
        (("create", "app", "--rpm", "many"), 2, "limits.requests_per_minute"),
        (("create", "app", "--rpm", "0"), 2, "limits.requests_per_minute"),
        (("create", "app", "--monthly-budget", "-1"), 2, "limits.monthly_budget"),
        (("create", "app", "--prepaid", "0.0000000001"), 2, "limits.prepaid_budget"),
        (("update", "app"), 2, "--rpm"),
        (("update", "nobody", "--rpm", "1"), 1, "'nobody'"),
        (("list", "--config", "/nowhere.toml"), 2, "/nowhere.toml"),
    ],
)
def test_failures_say_why(command: Any, arguments: tuple[str, ...], status: int, text: str) -> None:
    result = command("keys", *arguments)
    assert result.exit_code == status
    assert text in result.stderr
    assert isinstance(result.exception, SystemExit)


def test_a_wrong_scope_is_one_line(command: Any) -> None:
    said = command("keys", "create", "app", "--scopes", "king").stderr.splitlines()
    assert said[0] == "stellwerk: This key cannot be:"
    assert [line.split(":")[0] for line in said[1:]] == ["scopes.0"]


def test_what_cannot_be_read_is_said_in_one_line(
    command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STELLWERK_DATABASE__URL", "postgresql://me:x@host:port/name")
    wrong_url = command("keys", "list")
    assert (wrong_url.exit_code, len(wrong_url.stderr.splitlines())) == (2, 1)
    assert "database.url" in wrong_url.stderr
    (tmp_path / "stellwerk.toml").write_bytes(b'host = "\xff"\n')
    not_utf_8 = command("keys", "list")
    assert (not_utf_8.exit_code, len(not_utf_8.stderr.splitlines())) == (2, 1)
    assert "not UTF-8" in not_utf_8.stderr
    (tmp_path / "stellwerk.toml").unlink()
    monkeypatch.setenv("STELLWERK_MODELS", "[")
    environment = command("keys", "list")
    assert (environment.exit_code, len(environment.stderr.splitlines())) == (2, 1)
    assert "models" in environment.stderr


def test_a_wrong_settings_file_is_explained(command: Any, tmp_path: Path) -> None:
    (tmp_path / "stellwerk.toml").write_text("prot = 9000\n[engines]\nmemory = 'much'\n")
    result = command("keys", "list")
    assert result.exit_code == 2
    assert "prot" in result.stderr
    assert "engines.memory" in result.stderr
    (tmp_path / "stellwerk.toml").write_text("port = \n")
    assert "not valid TOML" in command("keys", "list").stderr
