"""Writes the pages of docs/reference from the code: `make docs`. A test compares them."""

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import stellwerk
from stellwerk.base.errors import StellwerkError
from stellwerk.base.settings import Settings
from stellwerk.cli import app as command_line
from stellwerk.web.app import routes

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Written by `make docs`; edit the code instead. -->\n"


def pages() -> dict[str, str]:
    """File name -> text of each generated page."""
    return {
        "settings.md": "\n".join(settings_page()) + "\n",
        "command-line.md": "\n".join(command_line_page()) + "\n",
        "endpoints.md": "\n".join(endpoints_page()) + "\n",
        "errors.md": "\n".join(errors_page()) + "\n",
    }


def settings_page() -> Iterator[str]:
    yield NOTE + "# Settings\n"
    yield (
        "A flag beats the environment, which beats `stellwerk.toml` in the data directory (or the "
        "file that `--config` or `STELLWERK_CONFIG` names), which beats the default. "
        "An unknown name is an error.\n"
    )
    yield "| in `stellwerk.toml` | in the environment | default | meaning |"
    yield "|---|---|---|---|"
    for path, field in _fields(Settings):
        variable = "STELLWERK_" + "__".join(path).upper()
        name, default = ".".join(path), _default(field)
        yield f"| `{name}` | `{variable}` | {default} | {field.description} |"


def _fields(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[Any]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if inspect.isclass(inner) and issubclass(inner, BaseModel):
            yield from _fields(inner, (*path, name))
        else:
            yield (*path, name), field


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "see the text"
    if field.default is None or field.default == ():
        return "-"
    return f"`{field.default}`"


def command_line_page() -> Iterator[str]:
    yield NOTE + "# Command line\n"
    yield (
        "Exit status: 0 done, 1 failed, 2 wrong options or settings, 3 (`serve`) another process "
        "serves the data directory. Listings take `--json`.\n"
    )
    yield from _commands(typer.main.get_command(command_line), "stellwerk")


def _commands(command: Any, name: str) -> Iterator[str]:
    subcommands = getattr(command, "commands", None)
    if subcommands is not None:
        for sub_name, sub in sorted(subcommands.items()):
            if not sub.hidden:
                yield from _commands(sub, f"{name} {sub_name}")
        return
    yield f"## `{name}`\n"
    yield inspect.cleandoc(command.help or "") + "\n"
    for parameter in command.params:
        names = "`, `".join((*parameter.opts, *parameter.secondary_opts))
        label = parameter.name.upper() if parameter.param_type_name == "argument" else names
        yield f"- `{label}`: {getattr(parameter, 'help', None) or ''}".rstrip(": ")
    yield ""


def endpoints_page() -> Iterator[str]:
    yield NOTE + "# Endpoints\n"
    yield (
        "The verbs and models answer below `/v2`, `/v1`, `/v2/coding`, `/v1/coding`, `/vision`, "
        "`/v2/openai`, `/v1/openai` and `/{v1,v2}/openai/deployments/{model}`, and below `/queue` "
        "(see `docs/howto/queue.md`); the lists of models also below `/audio`, `/v2/audio` and "
        "`/queue/audio`, and the audio verbs below `/`, `/audio`, `/v2/audio` and `/queue/audio`. "
        "`/redoc` describes every field.\n"
    )
    yield "| method | path | what it does |"
    yield "|---|---|---|"
    for path, methods in sorted(routes().openapi()["paths"].items()):
        for method, described in methods.items():
            yield f"| {method.upper()} | `{path}` | {described['summary']} |"


def errors_page() -> Iterator[str]:
    yield NOTE + "# Errors\n"
    yield (
        'Every error is `{"error": {"message", "type", "param", "code"}, "detail"}`. '
        "`code` is stable; `message` (and `detail`, which repeats it) is for people.\n"
    )
    yield "| status | type | code | meaning |"
    yield "|---|---|---|---|"
    import_all()
    found: dict[tuple[int, str, str], str] = {}
    # Of several with one code the most general speaks, whatever was imported first.
    ordered = sorted(_families(StellwerkError), key=lambda one: (len(one.__mro__), str(one)))
    for family in ordered:
        text = inspect.cleandoc(family.__doc__ or "").split("\n\n")[0].replace("\n", " ")
        text = re.sub(r"^\d{3}: (.)", lambda match: match[1].upper(), text)
        found.setdefault((family.kind.status, family.kind.type, family.code or ""), text)
    for (status, kind, code), text in sorted(found.items()):
        yield f"| {status} | `{kind}` | `{code}` | {text} |"
    known = {code for _, _, code in found}
    yield "\nCodes of single failures, whose message says it all:\n"
    yield ", ".join(f"`{code}`" for code in sorted(_single_codes() - known))


def import_all() -> None:
    """Import every module, so that every family of errors is known."""
    for module in pkgutil.walk_packages(stellwerk.__path__, "stellwerk."):
        if not module.name.endswith("__main__") and ".migrations." not in module.name:
            importlib.import_module(module.name)


def _single_codes() -> set[str]:
    """Every constant that is handed over as `code=`."""
    source = Path(stellwerk.__path__[0])
    trees = [ast.parse(path.read_text("utf-8")) for path in source.rglob("*.py")]
    keywords = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.keyword)]
    values = [node.value for node in keywords if node.arg == "code"]
    return {
        value.value
        for value in values
        if isinstance(value, ast.Constant) and isinstance(value.value, str)
    }


def _families(family: type[StellwerkError]) -> Iterator[type[StellwerkError]]:
    for derived in family.__subclasses__():
        if vars(derived).get("code"):
            yield derived
        yield from _families(derived)


def main() -> None:
    REFERENCE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text)
        click.echo(f"docs/reference/{name}")


if __name__ == "__main__":
    main()
