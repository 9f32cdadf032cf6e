from pathlib import Path

import pytest
from typer.testing import CliRunner

from stellwerk.cli import app


@pytest.mark.parametrize("command", [("list",), ("revoke", "app"), ("rotate", "app")])
def test_only_create_makes_a_database(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STELLWERK_DATABASE__URL", raising=False)
    place = tmp_path / "nothing"
    result = CliRunner().invoke(app, ["keys", *command, "--data-dir", str(place)])
    assert result.exit_code == 1
    assert "--data-dir" in result.stderr
    assert not place.exists()
