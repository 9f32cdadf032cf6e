"""`stellwerk models`: what is offered, and the weights for it."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stellwerk.cli.options import Config, DataDir, Json, fail, failures, settings
from stellwerk.cli.output import show

if TYPE_CHECKING:
    from stellwerk.base.settings import Settings
    from stellwerk.features.catalog.types import Model, Models
    from stellwerk.features.weights.store import Store

app = typer.Typer(help="Models and their weights.", no_args_is_help=True)

Ids = Annotated[list[str] | None, typer.Argument(help="Ids or aliases. [default: all]")]


@app.command("list")
def list_models(as_json: Json = False, data_dir: DataDir = None, config: Config = None) -> None:
    """List the catalogue, and whether the weights are here."""
    from stellwerk.features.weights.disk import megabytes
    from stellwerk.features.weights.store import Store

    read, models = _catalogue(data_dir, config)
    store = Store(read.models_dir)
    columns = ("id", "type", "engine", "origin", "weights", "size")
    rows = [_row(model, store) for model in models]
    if not as_json:
        rows = [{**row, "size": megabytes(row["size"]) if row["size"] else None} for row in rows]
    show(rows, columns, as_json=as_json)


def _row(model: "Model", store: "Store") -> dict[str, Any]:
    holding = store.holding(model.entry)
    return {
        "id": model.id,
        "aliases": list(model.entry.aliases),
        "type": model.entry.type,
        "engine": model.entry.engine or "upstream",
        "origin": model.origin,
        "weights": holding.state.value if model.entry.files else "none needed",
        "size": holding.size,
        "paths": [str(path) for path in holding.paths],
    }


@app.command("pull")
def pull(models: Ids = None, data_dir: DataDir = None, config: Config = None) -> None:
    """Fetch and check the weights of models, or of all that the catalogue names."""
    from stellwerk.compose.models import pull as fetch

    read, catalogue = _catalogue(data_dir, config)
    with failures():
        chosen = [catalogue.get(name) for name in models] if models else list(catalogue)
        failed = fetch(read, chosen)
    if failed:
        fail("\n".join(error.message for error in failed))


@app.command("remove")
def remove(
    models: Annotated[list[str], typer.Argument(help="Ids or aliases.")],
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Delete the weights of models; files that another model uses stay."""
    from stellwerk.features.weights.disk import megabytes
    from stellwerk.features.weights.store import Store

    read, catalogue = _catalogue(data_dir, config)
    store = Store(read.models_dir)
    with failures():
        for name in models:
            model = catalogue.get(name)
            removal = store.remove(model.entry, [other.entry for other in catalogue])
            typer.echo(f"{model.id}: removed {megabytes(removal.freed)}")
            for file, users in removal.kept.items():
                typer.echo(f"{file} stays: {', '.join(users)} uses it")


def pull_missing(read: "Settings") -> None:
    """Fetch what the declared models lack; a failure is told and does not keep from serving."""
    from stellwerk.compose.models import declared_models
    from stellwerk.compose.models import pull as fetch

    for error in fetch(read, declared_models(read)):
        typer.echo(f"stellwerk: {error.message}", err=True)


def _catalogue(data_dir: Path | None, config: Path | None) -> "tuple[Settings, Models]":
    from stellwerk.compose.models import known_models

    read = settings(config, data_dir=data_dir)
    with failures():
        return read, asyncio.run(known_models(read))
