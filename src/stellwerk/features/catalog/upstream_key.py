"""Which credentials may be sent to an upstream.

Whoever holds an admin key chooses the upstream's address, so an entry of the admin API may only
name variables that were set for this use, and no file or socket of this machine. The configuration
file belongs to whoever set the environment; all but our own settings, which hold passwords, are
free to it.
"""

from stellwerk.base.errors import InvalidRequestError
from stellwerk.base.model_entry import ModelEntry, UpstreamEntry

FOR_UPSTREAMS = "STELLWERK_UPSTREAM_KEY_"
OWN = "STELLWERK_"


def check_key_of_admin(entry: ModelEntry) -> None:
    """Raises `InvalidRequestError`."""
    for place, upstream in _places(entry):
        name = upstream.api_key_env
        if name is not None and not name.startswith(FOR_UPSTREAMS):
            raise _refusal(
                entry, place, name, f"over the admin API, it must begin with {FOR_UPSTREAMS}"
            )
        for field in ("api_key_file", "socket"):
            if getattr(upstream, field) is not None:
                raise InvalidRequestError(
                    f"{entry.id!r}: `{place}.{field}` belongs into the configuration file; over "
                    "the admin API no file of the hub's machine can be named.",
                    param=f"{place}.{field}",
                )


def check_key_of_file(entry: ModelEntry) -> None:
    """Raises `InvalidRequestError`."""
    for place, upstream in _places(entry):
        name = upstream.api_key_env
        if name is None or name.startswith(FOR_UPSTREAMS):
            continue
        if name.upper().startswith(OWN):
            rule = f"of the names in {OWN}, only {FOR_UPSTREAMS}... are for upstreams"
            raise _refusal(entry, place, name, rule)


def _places(entry: ModelEntry) -> list[tuple[str, UpstreamEntry]]:
    places = [("upstream", entry.upstream)] if entry.upstream else []
    return places + [(f"targets.{number}", target) for number, target in enumerate(entry.targets)]


def _refusal(entry: ModelEntry, place: str, name: str, rule: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"{entry.id!r}: `{place}.api_key_env` cannot be {name!r}: {rule}.",
        param=f"{place}.api_key_env",
    )
