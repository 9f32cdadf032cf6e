"""`stellwerk keys`: make, list, revoke and rotate API keys."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from stellwerk.cli import limits
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
    from stellwerk.features.keys.service import Keys
    from stellwerk.features.keys.types import IssuedKey, NewKey

T = TypeVar("T")

app = typer.Typer(help="API keys.", no_args_is_help=True)

COLUMNS = ("id", "name", "project", "key", "models", "scopes", "expires_at")


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Name, unique in its project.")],
    project: Annotated[str, typer.Option(help="Project; made when it is new.")] = "default",
    models: Annotated[
        list[str] | None,
        typer.Option(help="Pattern of model ids that it may use; may be repeated. [default: *]"),
    ] = None,
    scopes: Annotated[
        list[str] | None,
        typer.Option(
            help="inference, files, fine-tuning or admin; may be repeated or joined by commas. "
            "[default: inference,files]"
        ),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="Life, such as 12h or 90d, or a moment (RFC 3339).")
    ] = None,
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
    """Make a key and print it; it cannot be shown again."""
    named = limits.given(
        rpm=rpm,
        input_tpm=input_tpm,
        output_tpm=output_tpm,
        concurrent=concurrent,
        monthly_budget=monthly_budget,
        prepaid=prepaid,
    )
    given = {"models": _split(models), "scopes": _split(scopes), "expires_at": _moment(expires)}
    new = _new_key({"name": name, "project": project, "limits": named, **given})
    issued = _run(settings(config, data_dir=data_dir), lambda keys: keys.create(new), first=True)
    _print_secret(issued, as_json=as_json)


@app.command("list")
def list_keys(
    include_revoked: Annotated[bool, typer.Option("--all", help="Show revoked keys too.")] = False,
    as_json: Json = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """List the keys, without their secrets."""
    found = _run(
        settings(config, data_dir=data_dir),
        lambda keys: keys.list(include_revoked=include_revoked),
    )
    columns = (*COLUMNS, "revoked_at") if include_revoked else COLUMNS
    rows = [key.model_dump(mode="json") for key in found]
    shown = [{**row, "key": f"{row['prefix']}…{row['last_four']}"} for row in rows]
    show(rows if as_json else shown, columns, as_json=as_json)


@app.command("update")
def update(
    key: Annotated[str, typer.Argument(help="Id or name.")],
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
    """Change what a key may use, within a second; a limit that is not named stays."""
    named = limits.given(
        rpm=rpm,
        input_tpm=input_tpm,
        output_tpm=output_tpm,
        concurrent=concurrent,
        monthly_budget=monthly_budget,
        prepaid=prepaid,
    )
    change = limits.change(named)
    updated = _run(settings(config, data_dir=data_dir), lambda keys: keys.update(key, change))
    if as_json:
        typer.echo(updated.model_dump_json(indent=2))
    else:
        typer.echo(f"Changed {updated.name} ({updated.id}).")


@app.command("revoke")
def revoke(
    key: Annotated[str, typer.Argument(help="Id or name.")],
    as_json: Json = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """End a key; every process refuses it within a second."""
    ended = _run(settings(config, data_dir=data_dir), lambda keys: keys.revoke(key))
    if as_json:
        typer.echo(ended.model_dump_json(indent=2))
    else:
        typer.echo(f"Revoked {ended.name} ({ended.id}).")


@app.command("rotate")
def rotate(
    key: Annotated[str, typer.Argument(help="Id or name.")],
    overlap: Annotated[
        str, typer.Option(help="How long the old secret still counts, such as 24h.")
    ] = "0s",
    as_json: Json = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Give a key a new secret and print it."""
    from stellwerk.features.keys.types import LONGEST_OVERLAP

    kept = _duration(overlap)
    if kept is None:
        fail(f"--overlap: {overlap!r} is no duration; write 30s, 15m, 24h or 7d.", MISUSED)
    if kept > LONGEST_OVERLAP:
        fail(f"--overlap: at most {LONGEST_OVERLAP.days}d.", MISUSED)
    issued = _run(settings(config, data_dir=data_dir), lambda keys: keys.rotate(key, overlap=kept))
    _print_secret(issued, as_json=as_json)


def _new_key(given: dict[str, object]) -> "NewKey":
    """What is not given keeps its default; exit with 2 for what cannot be."""
    from pydantic import ValidationError

    from stellwerk.features.keys.types import NewKey

    try:
        return NewKey.model_validate(
            {field: value for field, value in given.items() if value not in (None, [], {})}
        )
    except ValidationError as error:
        fail(reasons(error, "This key"), MISUSED)


def _run(read: "Settings", work: "Callable[[Keys], Awaitable[T]]", *, first: bool = False) -> T:
    """Do `work` on the keys. Only the `first` command may make a database."""
    from stellwerk.features.keys.service import Keys

    return on_database(read, lambda database: work(Keys(database)), first=first)


def _print_secret(issued: "IssuedKey", *, as_json: bool) -> None:
    typer.echo(issued.model_dump_json(indent=2) if as_json else issued.key)


def _split(values: list[str] | None) -> list[str]:
    return [part.strip() for value in values or () for part in value.split(",") if part.strip()]


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        if (life := _duration(text)) is not None:
            return datetime.now(UTC) + life
        moment = datetime.fromisoformat(text)
    except OverflowError:
        fail(f"--expires: {text!r} ends after the year 9999.", MISUSED)
    except ValueError:
        fail(f"--expires: {text!r} is neither a life (90d) nor a moment (RFC 3339).", MISUSED)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _duration(text: str) -> timedelta | None:
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    parts = re.fullmatch(r"([0-9]{1,18})([smhd])", text)
    if parts is None:
        return None
    try:
        return timedelta(**{units[parts[2]]: int(parts[1])})
    except OverflowError:
        return timedelta.max
