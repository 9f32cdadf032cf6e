"""`stellwerk doctor`."""

import asyncio
from dataclasses import asdict

import typer

from stellwerk.cli.options import FAILED, Config, DataDir, Json, failures, settings
from stellwerk.cli.output import show


def doctor(as_json: Json = False, data_dir: DataDir = None, config: Config = None) -> None:
    """Check the processor, memory, disk, port, weights and database, and say what to do.

    Exits with 1 when something keeps Stellwerk from working.
    """
    from stellwerk.compose.doctor import examine

    with failures():
        findings = asyncio.run(examine(settings(config, data_dir=data_dir)))
    rows = [asdict(finding) for finding in findings]
    show(rows, ("subject", "verdict", "text", "advice"), as_json=as_json)
    if any(finding.verdict == "problem" for finding in findings):
        raise typer.Exit(FAILED)
