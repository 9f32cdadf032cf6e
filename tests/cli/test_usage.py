import asyncio
import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner, Result

from stellwerk.base.settings import UsageSettings
from stellwerk.cli import app
from stellwerk.data.database import Database
from stellwerk.features.usage.metrics import UsageMetrics
from stellwerk.features.usage.recorder import Recorder
from tests.features.usage.rows import row


@pytest.fixture
def command(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The command, where two models were used."""
    monkeypatch.setenv("STELLWERK_DATABASE__URL", database.dsn)
    monkeypatch.setenv("STELLWERK_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("STELLWERK_USAGE__CURRENCY", "CHF")

    async def record() -> None:
        metrics = UsageMetrics(CollectorRegistry())
        async with Database(database.dsn) as own:
            recorder = Recorder(own, tmp_path, UsageSettings(), metrics)
            async with recorder.running():
                recorder.record(row(1, cost=2_500_000_000))
                recorder.record(row(2, model="vectors", status=502))

    asyncio.run(record())

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["usage", *arguments])

    return run


def test_a_table(command: Any) -> None:
    said = command()
    assert said.exit_code == 0, said.stderr
    head, *lines = [line.split() for line in said.stdout.splitlines()]
    assert head[:3] == ["model", "requests", "errors"]
    assert head[-2:] == ["cost", "CHF"]
    assert [(line[0], line[1], line[2], line[-1]) for line in lines] == [
        ("chat", "1", "0", "2.5"),
        ("vectors", "1", "1", "0.000001"),
    ]


def test_json_and_csv(command: Any) -> None:
    found = json.loads(command("--group-by", "key,model", "--json").stdout)
    assert [(one["key"], one["model"], one["cost_nano"]) for one in found] == [
        ("key_a", "chat", 2_500_000_000),
        ("key_a", "vectors", 1_000),
    ]
    assert found[0]["currency"] == "CHF"
    text = command("--group-by", "operation", "--model", "chat", "--csv").stdout
    [line] = csv.DictReader(StringIO(text))
    assert (line["operation"], line["cost"], line["currency"]) == ("chat.completions", "2.5", "CHF")


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("--start", "soon"), 2, "start"),
        (("--group-by", "colour"), 2, "colour"),
        (("--key", "nobody"), 1, "'nobody'"),
        (("--start", "2026-02-01", "--end", "2026-01-01"), 1, "end"),
        (("--json", "--csv"), 2, "--csv"),
    ],
)
def test_failures_say_why(command: Any, arguments: tuple[str, ...], status: int, text: str) -> None:
    result = command(*arguments)
    assert result.exit_code == status
    assert text in result.stderr
    assert isinstance(result.exception, SystemExit)
