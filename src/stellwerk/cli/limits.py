"""The options that say what a key or a project may use."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from stellwerk.cli.options import MISUSED, fail, reasons

if TYPE_CHECKING:
    from stellwerk.features.keys.types import KeyChange

Rpm = Annotated[
    str | None,
    typer.Option("--rpm", help="Requests in any 60 seconds; `none` takes the limit away."),
]
InputTpm = Annotated[
    str | None, typer.Option("--input-tpm", help="Input tokens in any 60 seconds; or `none`.")
]
OutputTpm = Annotated[
    str | None, typer.Option("--output-tpm", help="Output tokens in any 60 seconds; or `none`.")
]
Concurrent = Annotated[
    str | None, typer.Option("--concurrent", help="Requests at the same time; or `none`.")
]
Monthly = Annotated[
    str | None, typer.Option("--monthly-budget", help="Money for a calendar month; or `none`.")
]
Prepaid = Annotated[
    str | None, typer.Option("--prepaid", help="Money in all; raise it to top it up; or `none`.")
]


def given(
    *,
    rpm: str | None,
    input_tpm: str | None,
    output_tpm: str | None,
    concurrent: str | None,
    monthly_budget: str | None,
    prepaid: str | None,
) -> dict[str, str | None]:
    """The limits that were named, by their names in the API."""
    named = {
        "requests_per_minute": rpm,
        "input_tokens_per_minute": input_tpm,
        "output_tokens_per_minute": output_tpm,
        "concurrent_requests": concurrent,
        "monthly_budget": monthly_budget,
        "prepaid_budget": prepaid,
    }
    return {
        name: None if value == "none" else value
        for name, value in named.items()
        if value is not None
    }


def change(limits: dict[str, Any]) -> "KeyChange":
    """Exit with 2 when no limit is named, or for what cannot be."""
    from pydantic import ValidationError

    from stellwerk.features.keys.types import KeyChange

    if not limits:
        fail("Name a limit to change, such as --rpm 60.", MISUSED)
    try:
        return KeyChange.model_validate({"limits": limits})
    except ValidationError as error:
        fail(reasons(error, "These limits"), MISUSED)
