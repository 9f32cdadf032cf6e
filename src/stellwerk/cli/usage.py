"""`stellwerk usage`: who used what, as a table, JSON or CSV."""

from typing import TYPE_CHECKING, Annotated

import typer

from stellwerk.cli.database import on_database
from stellwerk.cli.options import (
    MISUSED,
    Config,
    DataDir,
    Json,
    fail,
    reasons,
    settings,
)
from stellwerk.cli.output import show

if TYPE_CHECKING:
    from stellwerk.base.settings import Settings
    from stellwerk.data.database import Database
    from stellwerk.features.usage.question import Question
    from stellwerk.features.usage.report import Total


def usage(
    start: Annotated[
        str | None,
        typer.Option(help="First day or moment (RFC 3339). [default: 30 days before the end]"),
    ] = None,
    end: Annotated[
        str | None, typer.Option(help="First day or moment that counts no more. [default: now]")
    ] = None,
    group_by: Annotated[
        list[str] | None,
        typer.Option(
            help="day, project, key, model, target or operation; may be repeated or joined by "
            "commas. [default: model]"
        ),
    ] = None,
    key: Annotated[str | None, typer.Option(help="Only of this key: its id or name.")] = None,
    project: Annotated[
        str | None, typer.Option(help="Only of this project: its id or name.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Only of this model: its id.")] = None,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Sum up requests, errors, tokens and cost."""
    if as_json and as_csv:
        fail("--json and --csv exclude each other.", MISUSED)
    given = {"start": start, "end": end, "key": key, "project": project, "model": model}
    question = _question({**given, "group_by": group_by or ["model"]})
    read = settings(config, data_dir=data_dir)
    totals = _ask(read, question)
    if as_csv:
        _print_sheet(totals, question, read.usage.currency)
    else:
        _print(totals, question, read.usage.currency, as_json=as_json)


def _question(given: dict[str, object]) -> "Question":
    """What is not given keeps its default; exit with 2 for what cannot be."""
    from pydantic import ValidationError

    from stellwerk.features.usage.question import Question

    try:
        return Question.model_validate(
            {field: value for field, value in given.items() if value is not None}
        )
    except ValidationError as error:
        fail(reasons(error, "This question"), MISUSED)


def _ask(read: "Settings", question: "Question") -> "list[Total]":
    from stellwerk.features.usage.service import Usage

    async def ask(database: "Database") -> "list[Total]":
        pages = Usage(database, read.usage).everything(question)
        return [total async for page in pages for total in page]

    return on_database(read, ask)


def _print(totals: "list[Total]", question: "Question", currency: str, *, as_json: bool) -> None:
    from stellwerk.features.usage.sheet import columns

    rows = [{**total.model_dump(mode="json"), "currency": currency} for total in totals]
    if as_json:
        rows = [{name: value for name, value in row.items() if name != "id"} for row in rows]
        show(rows, (), as_json=True)
        return
    shown = [name for name in columns(question.group_by) if name != "estimated"]
    money = f"cost_{currency}"
    named = [{**row, money: row["cost"]} for row in rows]
    show(named, [money if name == "cost" else name for name in shown], as_json=False)


def _print_sheet(totals: "list[Total]", question: "Question", currency: str) -> None:
    from stellwerk.features.usage.sheet import head, lines

    text = head(question.group_by) + lines(totals, question.group_by, currency)
    typer.echo(text, nl=False)
