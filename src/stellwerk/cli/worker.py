"""`stellwerk worker`."""

import asyncio
from typing import Annotated

import typer

from stellwerk.cli.options import Config, DataDir, failures, settings


def worker(
    processes: Annotated[
        int | None, typer.Option(min=1, help="Worker processes. [default: queue.workers]")
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Serve Prometheus metrics, away from a server."),
    ] = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Run more of the queue until SIGINT or SIGTERM.

    Where `stellwerk serve` runs on the same data directory, its engines are used, and its page of
    metrics counts this work. Elsewhere, `database.url` has to name the database of that server, and
    models run on engines of this machine.
    """
    read = settings(config, data_dir=data_dir)
    if processes is not None:
        read = read.model_copy(
            update={"queue": read.queue.model_copy(update={"workers": processes})}
        )
    from stellwerk.compose.workers import work

    with failures():
        asyncio.run(work(read, metrics_port))
