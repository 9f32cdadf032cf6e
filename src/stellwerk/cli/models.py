"""`stellwerk models`: what is offered, and the weights for it."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stellwerk.cli.options import (
    MISUSED,
    Config,
    DataDir,
    Json,
    fail,
    failures,
    reasons,
    settings,
)
from stellwerk.cli.output import show

if TYPE_CHECKING:
    from stellwerk.base.model_entry import UpstreamEntry
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


@app.command("import")
def import_list(
    url: Annotated[
        str, typer.Argument(help="Base URL of an OpenAI-compatible server, as https://host/v1.")
    ],
    api_key_env: Annotated[
        str | None,
        typer.Option(
            help="Environment variable that holds the key for it; its name begins with "
            "STELLWERK_UPSTREAM_KEY_."
        ),
    ] = None,
    prefix: Annotated[str, typer.Option(help="Goes before each id here, as `acme/`.")] = "",
    as_json: Json = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Add the models that another server lists; those that the catalogue has stay as they are."""
    from dataclasses import asdict

    from stellwerk.compose.database import check_made
    from stellwerk.compose.importing import import_models

    upstream = _upstream(url, api_key_env)
    read = settings(config, data_dir=data_dir)
    with failures():
        check_made(read)
        imported = asyncio.run(import_models(read, upstream, prefix))
    columns = ("id", "type", "upstream_model", "outcome", "reason")
    show([asdict(one) for one in imported], columns, as_json=as_json)
    if refused := [one for one in imported if one.outcome == "refused"]:
        fail("\n".join(f"{one.id} was not added: {one.reason}" for one in refused))


def _upstream(url: str, api_key_env: str | None) -> "UpstreamEntry":
    from pydantic import ValidationError

    from stellwerk.base.model_entry import UpstreamEntry

    try:
        return UpstreamEntry.model_validate({"url": url.rstrip("/"), "api_key_env": api_key_env})
    except ValidationError as error:
        fail(reasons(error, "This upstream"), MISUSED)


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
