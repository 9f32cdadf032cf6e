"""The directory in which prometheus-client sums what several hub processes count."""

import os
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def environment(directory: Path) -> dict[str, str]:
    """Our environment, for hubs that share `directory`."""
    return {**os.environ, VARIABLE: str(directory)}


def forget(directory: Path, pid: int) -> None:
    """Drop what the ended hub `pid` counted of the present; its sums of the past stay."""
    # Of no use to a parent whose hubs do not crash.
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]
