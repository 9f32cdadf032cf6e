"""Which environment variables may be sent to an upstream as the key for it.

Whoever holds an admin key chooses the upstream's address, so an entry of the admin API may only
name variables that were set for this use. The configuration file belongs to whoever set the
environment; all but our own settings, which hold passwords, are free to it.
"""

from stellwerk.base.errors import InvalidRequestError
from stellwerk.base.model_entry import ModelEntry

FOR_UPSTREAMS = "STELLWERK_UPSTREAM_KEY_"
OWN = "STELLWERK_"


def check_key_of_admin(entry: ModelEntry) -> None:
    """Raises `InvalidRequestError`."""
    name = _name(entry)
    if name is not None and not name.startswith(FOR_UPSTREAMS):
        raise _refusal(entry, f"over the admin API, it must begin with {FOR_UPSTREAMS}")


def check_key_of_file(entry: ModelEntry) -> None:
    """Raises `InvalidRequestError`."""
    name = _name(entry)
    if name is None or name.startswith(FOR_UPSTREAMS):
        return
    if name.upper().startswith(OWN):
        raise _refusal(entry, f"of the names in {OWN}, only {FOR_UPSTREAMS}... are for upstreams")


def _name(entry: ModelEntry) -> str | None:
    return entry.upstream.api_key_env if entry.upstream else None


def _refusal(entry: ModelEntry, rule: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"{entry.id!r}: `upstream.api_key_env` cannot be {_name(entry)!r}: {rule}.",
        param="upstream.api_key_env",
    )
