"""`stellwerk queue` and `stellwerk worker`, as they are typed."""

import json
import os
import subprocess
import sys
from pathlib import Path


def run(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stellwerk", *arguments],
        env={**os.environ, "STELLWERK_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_queue_of_a_new_database(data_dir: Path) -> None:
    assert run(data_dir, "queue", "show").returncode == 1
    assert run(data_dir, "keys", "create", "app").returncode == 0
    for command in ("show", "workers"):
        shown = run(data_dir, "queue", command, "--json")
        assert json.loads(shown.stdout) == [], shown.stderr
    changed = run(data_dir, "queue", "project", "default", "--weight", "2", "--json")
    assert json.loads(changed.stdout) == [{"project": "default", "weight": 2.0, "urgency": 3}]
    unknown = run(data_dir, "queue", "project", "none")
    assert (unknown.returncode, "none" in unknown.stderr) == (1, True)


def test_a_worker_needs_a_server_or_a_database(data_dir: Path) -> None:
    refused = run(data_dir, "worker")
    assert refused.returncode == 1
    assert "stellwerk serve" in refused.stderr
