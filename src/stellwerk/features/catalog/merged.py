"""The declared models and the stored ones, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

from stellwerk.base.errors import StellwerkError
from stellwerk.base.model_entry import ModelEntry
from stellwerk.features.catalog.errors import EntryConflictError
from stellwerk.features.catalog.types import Model, Models
from stellwerk.features.catalog.upstream_key import check_key_of_admin


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of the table. `entry` is None where this version cannot read it, for `reason`."""

    id: str
    entry: ModelEntry | None
    created: int
    reason: StellwerkError | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A stored model that is not offered, and why."""

    id: str
    entry: ModelEntry | None
    reason: StellwerkError


@dataclass(frozen=True, slots=True)
class Merged:
    models: Models
    left_out: tuple[LeftOut, ...]


def merged(declared: Sequence[Model], stored: Sequence[Stored]) -> Merged:
    """Each stored model that is in nobody's way; the others, with the reason, beside them."""
    models = Models.of(declared)
    left_out = []
    # Those that replace a starter model first: they free its names for others.
    for one in sorted(stored, key=lambda one: one.id not in models.by_id):
        try:
            models.add(_offered(one, models))
        except StellwerkError as error:
            left_out.append(LeftOut(one.id, one.entry, error))
    return Merged(models, tuple(left_out))


def _offered(stored: Stored, models: Models) -> Model:
    declared = models.by_id.get(stored.id)
    if declared is not None and declared.origin == "file":
        raise in_file(stored.id)
    if stored.entry is None:
        raise stored.reason or EntryConflictError(f"{stored.id!r} cannot be read.")
    check_key_of_admin(stored.entry)
    return Model(stored.entry, "admin", stored.created)


def in_file(name: str) -> EntryConflictError:
    return EntryConflictError(
        f"{name!r} stands in the configuration file; change it there.", param="id"
    )
