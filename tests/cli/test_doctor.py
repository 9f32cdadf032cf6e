import json
import socket
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from stellwerk.base.settings import load_settings
from stellwerk.cli import app
from stellwerk.compose.doctor import Finding, weights
from stellwerk.compose.doctor import database as examine_database
from stellwerk.data.database import Database


def test_findings(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STELLWERK_DATABASE__URL", database.dsn)
    monkeypatch.setenv("STELLWERK_DATA_DIR", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("STELLWERK_PORT", str(taken.getsockname()[1]))
        result = CliRunner().invoke(app, ["doctor", "--json"])
    findings = {finding["subject"]: finding for finding in json.loads(result.stdout)}
    assert result.exit_code == 0
    assert findings["processor"]["verdict"] == "ok"
    assert findings["database"]["verdict"] == "ok"
    assert findings["port"]["verdict"] == "warning"
    assert "--port" in findings["port"]["advice"]
    missing = findings["SmolLM2-135M-Instruct"]
    assert missing["advice"] == "stellwerk models pull SmolLM2-135M-Instruct"


def test_a_problem_is_an_exit_status(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STELLWERK_DATABASE__URL", "postgresql://nobody@127.0.0.1:9/none")
    monkeypatch.setenv("STELLWERK_DATA_DIR", str(tmp_path))
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == 1
    database = json.loads(result.stdout)[-1]
    assert (database["subject"], database["verdict"]) == ("database", "problem")
    assert "cannot be reached" in database["advice"]


def test_it_changes_nothing(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STELLWERK_DATABASE__URL", raising=False)
    monkeypatch.setenv("STELLWERK_DATA_DIR", str(data_dir / "none"))
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert json.loads(result.stdout)[-1]["verdict"] == "ok"
    assert list(data_dir.iterdir()) == []


async def test_the_tables(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STELLWERK_DATABASE__URL", database.dsn)
    monkeypatch.setenv("STELLWERK_DATA_DIR", str(tmp_path))
    settings = load_settings()
    assert await examine_database(settings) == Finding("database", "ok", "database.url")
    async with database.begin() as connection:
        await connection.execute(text("update alembic_version set version_num = 'later'"))
    newer = await examine_database(settings)
    assert (newer.verdict, "newer" in newer.text) == ("problem", True)
    async with database.begin() as connection:
        await connection.execute(text("drop table alembic_version"))
    empty = await examine_database(settings)
    assert (empty.verdict, "empty" in empty.text) == ("ok", True)
    async with database.connect() as connection:
        missing = text("select to_regclass('alembic_version') is null")
        assert await connection.scalar(missing)


async def test_a_declared_model_with_options_that_cannot_be(tmp_path: Path) -> None:
    path = tmp_path / "stellwerk.toml"
    path.write_text(
        '[[models]]\nid = "mine"\ntype = "EMBEDDING"\nengine = "e5"\noptions = { a = 1 }\n'
    )
    found = {finding.subject: finding for finding in weights(load_settings(path))}
    assert found["mine"].verdict == "problem"
    assert "no options" in found["mine"].text
