"""`stellwerk queue`: what waits and runs, and what projects may take of it."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from stellwerk.cli.database import on_database
from stellwerk.cli.options import Config, DataDir, Json, settings
from stellwerk.cli.output import show

if TYPE_CHECKING:
    from stellwerk.base.settings import Settings
    from stellwerk.features.queue.overview import Overview

T = TypeVar("T")

app = typer.Typer(help="Requests of the queue.", no_args_is_help=True)

COLUMNS = (
    "operation",
    "key",
    "project",
    "queued",
    "deferred",
    "running",
    "failed",
    "ended",
    "oldest_seconds",
)


@app.command("show")
def show_queue(as_json: Json = False, data_dir: DataDir = None, config: Config = None) -> None:
    """Show depth, age and throughput by operation and key; `ended` counts the last 5 minutes."""
    rows = _run(settings(config, data_dir=data_dir), lambda overview: overview.by_key())
    for row in rows:
        row["oldest_seconds"] = round(row["oldest_seconds"], 1)
    show(rows, COLUMNS, as_json=as_json)


@app.command("workers")
def workers(as_json: Json = False, data_dir: DataDir = None, config: Config = None) -> None:
    """List the worker processes that have a lease, and what they run."""
    rows = _run(settings(config, data_dir=data_dir), lambda overview: overview.workers())
    show(rows, ("id", "place", "started_at", "running"), as_json=as_json)


@app.command("project")
def project(
    name: Annotated[str, typer.Argument(help="Name or id of the project.")],
    weight: Annotated[
        float | None,
        typer.Option(min=0.01, max=100, help="Share of its keys beside others'. [default: 1]"),
    ] = None,
    urgency: Annotated[
        int | None,
        typer.Option(min=0, max=7, help="Most urgent level they may ask for. [default: 3]"),
    ] = None,
    as_json: Json = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Show or change what a project's keys may take of the queue."""
    changes: dict[str, float] = {}
    if weight is not None:
        changes["weight"] = weight
    if urgency is not None:
        changes["urgency"] = urgency
    read = settings(config, data_dir=data_dir)
    row = _run(read, lambda overview: overview.allow(name, changes))
    show([row], ("project", "weight", "urgency"), as_json=as_json)


@app.command("webhook-secret")
def webhook_secret(
    name: Annotated[str, typer.Argument(help="Name or id of the project.")],
    as_json: Json = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Give a project a new secret for its webhooks; the one before signs too for a day."""
    from stellwerk.features.webhooks.service import Webhooks

    read = settings(config, data_dir=data_dir)
    made = on_database(read, lambda database: Webhooks(database).renew(name))
    row = made.model_dump()
    show([row], ("project", "secret", "previous_expires_at"), as_json=as_json)


def _run(read: "Settings", work: "Callable[[Overview], Awaitable[T]]") -> T:
    from stellwerk.features.queue.overview import Overview

    return on_database(read, lambda database: work(Overview(database)))
