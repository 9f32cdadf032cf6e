"""The directory in which prometheus-client sums what several hub processes count."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stellwerk.supervisor.listener import ListenError, explain

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def environment(directory: Path) -> dict[str, str]:
    """Our environment, for hubs that share `directory`."""
    return {**os.environ, VARIABLE: str(directory)}


def forget(directory: Path, pid: int) -> None:
    """Drop what the ended hub `pid` counted of the present; its sums of the past stay."""
    # Of no use to a parent whose hubs do not crash.
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]


@contextmanager
def page(directory: Path, host: str, port: int) -> Iterator[None]:
    """Serve what all processes counted in `directory` to Prometheus, at any path.

    For a parent whose children serve nobody. Raises `ListenError`.
    """
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(directory))  # type: ignore[no-untyped-call]
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise ListenError(explain(error, host, port)) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
