import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stellwerk.cli import app
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
