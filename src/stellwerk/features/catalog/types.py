"""A model of the catalogue, and the catalogue at one moment."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

from stellwerk.base.model_entry import ModelEntry
from stellwerk.features.catalog.errors import EntryConflictError, UnknownModelError

Origin = Literal["starter", "file", "admin"]


@dataclass(frozen=True, slots=True)
class Model:
    """An entry, who made it, and when (Unix seconds)."""

    entry: ModelEntry
    origin: Origin
    created: int

    @property
    def id(self) -> str:
        return self.entry.id


@dataclass(frozen=True)
class Models:
    """All models at one moment, by id and by alias."""

    by_id: dict[str, Model] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, models: Iterable[Model]) -> "Models":
        """Later models replace earlier ones with the same id.

        Raises `EntryConflictError` when a name stands for two models.
        """
        made = cls()
        for model in {model.id: model for model in models}.values():
            made.add(model)
        return made

    def add(self, model: Model) -> None:
        """Take in a model, or replace the one with its id; for whoever builds the catalogue.

        Raises `EntryConflictError`, and changes nothing, when a name stands for another model.
        """
        if (other := self.aliases.get(model.id)) not in {None, model.id}:
            raise EntryConflictError(
                f"The id {model.id!r} is an alias of {other!r} already.", param="id"
            )
        for alias in model.entry.aliases:
            other = alias if alias in self.by_id else self.aliases.get(alias)
            if other not in {None, model.id}:
                raise EntryConflictError(
                    f"The alias {alias!r} of {model.id!r} stands for {other!r} already.",
                    param="aliases",
                )
        if replaced := self.by_id.get(model.id):
            for alias in replaced.entry.aliases:
                self.aliases.pop(alias, None)
        self.by_id[model.id] = model
        self.aliases.update(dict.fromkeys(model.entry.aliases, model.id))

    def __iter__(self) -> Iterator[Model]:
        return iter(self.by_id.values())

    def find(self, name: str) -> Model | None:
        return self.by_id.get(name) or self.by_id.get(self.aliases.get(name, ""))

    def get(self, name: str) -> Model:
        """The model with this id or alias. Raises `UnknownModelError`."""
        if model := self.find(name):
            return model
        near = get_close_matches(name, [*self.by_id, *self.aliases], 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UnknownModelError(
            f"The model {name!r} does not exist.{hint} "
            "`GET /v2/models` and `stellwerk models list` tell which there are.",
            param="model",
        )
