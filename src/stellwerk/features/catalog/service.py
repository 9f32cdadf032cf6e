"""The catalogue: starter models, those of the configuration file, those of the admin API."""

from collections.abc import Sequence

from pydantic import ValidationError
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from stellwerk.base.log import get_logger
from stellwerk.base.model_entry import ModelEntry
from stellwerk.data.database import Database
from stellwerk.data.notify import notify
from stellwerk.features.catalog.errors import EntryConflictError, UnknownModelError
from stellwerk.features.catalog.tables import models as table
from stellwerk.features.catalog.types import Model, Models

CHANNEL = "models"

log = get_logger("catalog")


class Catalog:
    """What this process knows of the catalogue; `load` reads it anew."""

    def __init__(self, database: Database, declared: Sequence[Model]) -> None:
        self._database = database
        self._declared = declared
        self.models = Models.of(declared)

    async def load(self) -> None:
        async with self._database.connect() as connection:
            stored = await _stored(connection)
        self.models = self._merged(stored)

    async def put(self, entry: ModelEntry, *, new: bool = False) -> Model:
        """Add or replace an entry. With `new`, an id that exists is refused.

        Raises `EntryConflictError` for an id of the configuration file or a name that is taken.
        """
        async with self._database.begin() as connection:
            await _one_change_at_a_time(connection)
            stored = await _stored(connection)
            before = self._merged(stored).find(entry.id)
            self._refuse(entry.id, before, new=new)
            others = [model for model in stored if model.id != entry.id]
            Models.of([*self._declared, *others, Model(entry, "admin", 0)])
            values = {"id": entry.id, "entry": entry.model_dump(mode="json")}
            statement = upsert(table).values(values)
            statement = statement.on_conflict_do_update(
                index_elements=["id"], set_={"entry": values["entry"], "updated_at": func.now()}
            )
            await connection.execute(statement)
            await notify(connection, CHANNEL)
        await self.load()
        return self.models.get(entry.id)

    async def remove(self, name: str) -> None:
        """Take out an entry that the admin API made."""
        async with self._database.begin() as connection:
            statement = delete(table).where(table.c.id == name).returning(table.c.id)
            if await connection.scalar(statement) is None:
                raise self._not_removable(name)
            await notify(connection, CHANNEL)
        await self.load()

    def _merged(self, stored: Sequence[Model]) -> Models:
        of_file = {model.id for model in self._declared if model.origin == "file"}
        try:
            return Models.of([*self._declared, *(m for m in stored if m.id not in of_file)])
        except EntryConflictError as error:
            # The file was edited after the admin API took the name: the file's word counts.
            log.warning("stored models are left out", reason=error.message)
            return Models.of(self._declared)

    @staticmethod
    def _refuse(name: str, before: Model | None, *, new: bool) -> None:
        if before is not None and before.origin == "file":
            raise EntryConflictError(
                f"{name!r} stands in the configuration file; change it there.", param="id"
            )
        if before is not None and new and before.origin == "admin":
            raise EntryConflictError(f"There is a model {name!r} already.", param="id")

    def _not_removable(self, name: str) -> EntryConflictError | UnknownModelError:
        model = self.models.find(name)
        if model is None:
            return UnknownModelError(f"The model {name!r} does not exist.")
        place = {
            "starter": "is a starter model; `starter_models = false` leaves them out",
            "file": "stands in the configuration file; remove it there",
            "admin": f"is an alias; remove {model.id!r}",
        }
        return EntryConflictError(f"{name!r} {place[model.origin]}.")


async def _one_change_at_a_time(connection: AsyncConnection) -> None:
    await connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(CHANNEL))))


async def _stored(connection: AsyncConnection) -> list[Model]:
    rows = await connection.execute(select(table).order_by(table.c.created_at, table.c.id))
    models = []
    for row in rows:
        try:
            entry = ModelEntry.model_validate(row.entry)
        except ValidationError as error:
            # A newer version wrote it, and others than this one can read it.
            log.warning("a stored model is left out", model=row.id, reason=str(error))
        else:
            models.append(Model(entry, "admin", int(row.created_at.timestamp())))
    return models
