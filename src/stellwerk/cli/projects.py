"""`stellwerk projects`: list and limit projects."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from stellwerk.cli import limits
from stellwerk.cli.database import on_database
from stellwerk.cli.options import Config, DataDir, Json, settings
from stellwerk.cli.output import show

if TYPE_CHECKING:
    from stellwerk.base.settings import Settings
    from stellwerk.features.keys.projects import Projects

T = TypeVar("T")

app = typer.Typer(help="Projects.", no_args_is_help=True)

COLUMNS = ("id", "name", "limits")


@app.command("list")
def list_projects(as_json: Json = False, data_dir: DataDir = None, config: Config = None) -> None:
    """List the projects and their limits."""
    found = _run(settings(config, data_dir=data_dir), lambda projects: projects.list())
    rows = [project.model_dump(mode="json", exclude_none=True) for project in found]
    show(rows, COLUMNS, as_json=as_json)


@app.command("update")
def update(
    project: Annotated[str, typer.Argument(help="Name or id.")],
    rpm: limits.Rpm = None,
    input_tpm: limits.InputTpm = None,
    output_tpm: limits.OutputTpm = None,
    concurrent: limits.Concurrent = None,
    monthly_budget: limits.Monthly = None,
    prepaid: limits.Prepaid = None,
    as_json: Json = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Change what all keys of a project together may use; a limit that is not named stays."""
    named = limits.given(
        rpm=rpm,
        input_tpm=input_tpm,
        output_tpm=output_tpm,
        concurrent=concurrent,
        monthly_budget=monthly_budget,
        prepaid=prepaid,
    )
    change = limits.change(named)
    read = settings(config, data_dir=data_dir)
    changed = _run(read, lambda projects: projects.update(project, change))
    if as_json:
        typer.echo(changed.model_dump_json(indent=2))
    else:
        typer.echo(f"Changed {changed.name} ({changed.id}).")


def _run(read: "Settings", work: "Callable[[Projects], Awaitable[T]]") -> T:
    from stellwerk.features.keys.projects import Projects

    return on_database(read, lambda database: work(Projects(database)))
