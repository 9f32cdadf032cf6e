"""Options that several commands take, and how a command fails."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from stellwerk.base.errors import StellwerkError

if TYPE_CHECKING:
    # `--help` need not wait for what only the work needs.
    from pydantic import ValidationError

    from stellwerk.base.settings import Settings

FAILED, MISUSED = 1, 2

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Directory of all that Stellwerk keeps.", show_default=False),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", help="Settings file. [default: stellwerk.toml in the data directory]"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def settings(config: Path | None, **flags: Any) -> "Settings":
    """Read the settings; exit with 2 and the reasons when they cannot be."""
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from stellwerk.base.log import configure
    from stellwerk.base.settings import load_settings

    try:
        read = load_settings(config, **flags)
    except FileNotFoundError as error:
        fail(f"There is no settings file {error}.", MISUSED)
    except OSError as error:
        fail(f"The settings file cannot be read: {error}.", MISUSED)
    except TOMLDecodeError as error:
        fail(f"The settings file is not valid TOML: {error}.", MISUSED)
    except UnicodeDecodeError as error:
        fail(f"The settings file is not UTF-8: {error.reason} at byte {error.start}.", MISUSED)
    except ValidationError as error:
        fail(reasons(error, "These settings"), MISUSED)
    except SettingsError as error:
        fail(f"The environment cannot be read: {error}.", MISUSED)
    configure(read.log.level, read.log.form)
    return read


def reasons(error: "ValidationError", subject: str) -> str:
    """One line for each value of `subject` that cannot be."""
    lines = [
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in error.errors()
    ]
    return "\n".join([f"{subject} cannot be:", *lines])


@contextmanager
def failures() -> Iterator[None]:
    """Print what went wrong and exit with 1 (or the error's own exit status)."""
    try:
        yield
    except StellwerkError as error:
        fail(error.message, getattr(error, "exit_status", FAILED))
    except KeyboardInterrupt:
        fail("Interrupted.", 130)


def say(text: str) -> None:
    """A line for people, beside what programs read."""
    sys.stderr.write(f"stellwerk: {text}\n")


def fail(message: str, status: int = FAILED) -> NoReturn:
    sys.stderr.write(f"stellwerk: {message}\n")
    raise typer.Exit(status)
