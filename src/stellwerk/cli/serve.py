"""`stellwerk serve`."""

import asyncio
from typing import Annotated

import typer

from stellwerk.cli.models import pull_missing
from stellwerk.cli.options import Config, DataDir, failures, settings


def serve(
    data_dir: DataDir = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. [default: 127.0.0.1]")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 takes a free one. [default: 8000]")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Hub processes on this machine. [default: 1]")
    ] = None,
    pull: Annotated[
        bool, typer.Option("--pull", help="Fetch missing weights of the catalogue first.")
    ] = False,
    config: Config = None,
) -> None:
    """Serve the API until SIGINT or SIGTERM.

    Exits with 3 when another process serves the same data directory.
    """
    read = settings(config, data_dir=data_dir, host=host, port=port, workers=workers)
    from stellwerk.compose.serve import serve as run

    with failures():
        if pull:
            pull_missing(read)
        asyncio.run(run(read))
