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
        by_id = {model.id: model for model in models}
        aliases: dict[str, str] = {}
        for model in by_id.values():
            for alias in model.entry.aliases:
                other = alias if alias in by_id else aliases.get(alias)
                if other not in {None, model.id}:
                    raise EntryConflictError(
                        f"The alias {alias!r} of {model.id!r} stands for {other!r} already.",
                        param="aliases",
                    )
                aliases[alias] = model.id
        return cls(by_id, aliases)

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
            f"The model {name!r} does not exist.{hint} `GET /v2/models` lists the models.",
            param="model",
        )
