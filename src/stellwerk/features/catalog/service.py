"""The catalogue: starter models, those of the configuration file, those of the admin API."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from stellwerk.base.log import get_logger
from stellwerk.base.model_entry import ModelEntry
from stellwerk.data.database import Database
from stellwerk.data.locks import Lock
from stellwerk.data.notify import notify
from stellwerk.features.catalog.errors import EntryConflictError, UnknownModelError
from stellwerk.features.catalog.merged import LeftOut, Stored, merged
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
        self.left_out: tuple[LeftOut, ...] = ()
        self._rows: list[Row[Any]] = []

    async def load(self) -> None:
        """Read the table. Models that have not changed stay the same objects."""
        async with self._database.connect() as connection:
            rows = await _rows(connection)
        if rows == self._rows:
            return
        found = merged(self._declared, [_read(row) for row in rows])
        self._rows = rows
        reasons = {one.id: one.reason.message for one in found.left_out}
        if reasons and reasons != {one.id: one.reason.message for one in self.left_out}:
            log.warning("stored models are left out", reasons=reasons)
        self.models, self.left_out = found.models, found.left_out

    async def put(self, entry: ModelEntry, *, new: bool = False) -> Model:
        """Add or replace an entry. With `new`, an id that exists is refused.

        Raises `EntryConflictError` for an id of the configuration file or a name that is taken,
        and `InvalidRequestError` for an upstream's key that it may not name.
        """
        async with self._database.begin() as connection:
            await _one_change_at_a_time(connection)
            self._refuse(entry, await _stored(connection), new=new)
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
        if not name.isprintable():
            # PostgreSQL would refuse NUL, and nothing can be called so.
            raise self._not_removable(name)
        async with self._database.begin() as connection:
            statement = delete(table).where(table.c.id == name).returning(table.c.id)
            if await connection.scalar(statement) is None:
                raise self._not_removable(name)
            await notify(connection, CHANNEL)
        await self.load()

    def _refuse(self, entry: ModelEntry, stored: Sequence[Stored], *, new: bool) -> None:
        """Raise when `entry` cannot be offered, or would push another one out."""
        if new and any(one.id == entry.id for one in stored):
            raise EntryConflictError(f"There is a model {entry.id!r} already.", param="id")
        out_before = {one.id for one in merged(self._declared, stored).left_out} - {entry.id}
        # An entry that is replaced keeps its place, which decides who was first.
        changed = {one.id: one for one in stored}
        created = changed[entry.id].created if entry.id in changed else 0
        changed[entry.id] = Stored(entry.id, entry, created)
        for one in merged(self._declared, list(changed.values())).left_out:
            if one.id not in out_before:
                raise one.reason

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
    await connection.execute(select(func.pg_advisory_xact_lock(Lock.CATALOG.value)))


async def _rows(connection: AsyncConnection) -> list[Row[Any]]:
    rows = await connection.execute(select(table).order_by(table.c.created_at, table.c.id))
    return list(rows)


async def _stored(connection: AsyncConnection) -> list[Stored]:
    return [_read(row) for row in await _rows(connection)]


def _read(row: Row[Any]) -> Stored:
    created = int(row.created_at.timestamp())
    try:
        return Stored(row.id, ModelEntry.model_validate(row.entry), created)
    except ValidationError as error:
        # A newer version wrote it, and others than this one can read it.
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        reason = f"This version of Stellwerk cannot read {row.id!r}: {place}: {first['msg']}."
        return Stored(row.id, None, created, EntryConflictError(reason))
