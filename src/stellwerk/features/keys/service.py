"""Keys are made, listed, revoked and rotated here. Every change is told to all processes."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from typing import Any

from sqlalchemy import Row, Select, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from stellwerk.base.ids import new_id
from stellwerk.data.database import Database
from stellwerk.data.locks import Lock
from stellwerk.data.notify import notify
from stellwerk.features.keys.errors import NameTakenError, UnknownKeyError
from stellwerk.features.keys.limits import changed, written
from stellwerk.features.keys.secrets import digest, new_secret, shown_end, shown_prefix
from stellwerk.features.keys.tables import api_keys, projects
from stellwerk.features.keys.types import IssuedKey, Key, KeyChange, NewKey, Scope

CHANNEL = "keys"

ADMINS = (
    select(api_keys.c.id)
    .where(
        api_keys.c.revoked_at.is_(None),
        or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > func.now()),
        api_keys.c.scopes.any_() == Scope.ADMIN.value,
    )
    .limit(1)
)


class Keys:
    """The API keys of all projects."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, new: NewKey) -> IssuedKey:
        """Make a key. Raises `NameTakenError` when a live key of the project has the name."""
        secret = new_secret()
        async with self._database.begin() as connection:
            key = await _insert(connection, new, secret)
            if key is None:
                raise NameTakenError(
                    f"The project {new.project!r} has a key named {new.name!r} already.",
                    param="name",
                )
            await notify(connection, CHANNEL)
            return _issued(await _one(connection, key), secret)

    async def first_admin(self) -> IssuedKey | None:
        """A key with every scope; None where a live key has the scope admin already.

        However many machines ask at once, one of them gets a key.
        """
        secret = new_secret()
        async with self._database.begin() as connection:
            await connection.execute(select(func.pg_advisory_xact_lock(Lock.FIRST_ADMIN.value)))
            if await connection.scalar(ADMINS) is not None:
                return None
            names = (f"admin-{number}" if number > 1 else "admin" for number in count(1))
            new = NewKey(name=next(names), scopes=tuple(Scope))
            while (key := await _insert(connection, new, secret)) is None:
                new = new.model_copy(update={"name": next(names)})
            await notify(connection, CHANNEL)
            return _issued(await _one(connection, key), secret)

    async def list(self, *, include_revoked: bool = False) -> list[Key]:
        """All keys, oldest first."""
        query = _shown().order_by(api_keys.c.id)
        if not include_revoked:
            query = query.where(api_keys.c.revoked_at.is_(None))
        async with self._database.connect() as connection:
            return [_key(row) for row in await connection.execute(query)]

    async def get(self, key: str) -> Key:
        """The key with this id, or the only live one with this name."""
        async with self._database.connect() as connection:
            return _key(await _one(connection, key))

    async def revoke(self, key: str) -> Key:
        """End a key, given by id or name. A key that is revoked already stays as it is."""
        async with self._database.begin() as connection:
            row = await _one(connection, key)
            statement = update(api_keys).where(api_keys.c.id == row.id)
            revoked_at = func.coalesce(api_keys.c.revoked_at, func.now())
            await connection.execute(statement.values(revoked_at=revoked_at, changed_at=func.now()))
            await notify(connection, CHANNEL)
            return _key(await _one(connection, row.id))

    async def update(self, key: str, change: KeyChange) -> Key:
        """Change the limits of a live key; every process heeds them within a second."""
        async with self._database.begin() as connection:
            row = await _one(connection, key, lock=True)
            if row.revoked_at is not None:
                raise UnknownKeyError(f"The key {row.name!r} is revoked.")
            values = {"limits": changed(row.limits, change.limits), "changed_at": func.now()}
            await connection.execute(update(api_keys).where(api_keys.c.id == row.id).values(values))
            await notify(connection, CHANNEL)
            return _key(await _one(connection, row.id))

    async def rotate(self, key: str, *, overlap: timedelta = timedelta(0)) -> IssuedKey:
        """Give a live key a new secret; the old one counts for `overlap` more."""
        secret = new_secret()
        async with self._database.begin() as connection:
            row = await _one(connection, key, lock=True)
            if row.revoked_at is not None:
                raise UnknownKeyError(f"The key {row.name!r} is revoked; create a new one.")
            old = {"previous_hash": row.hash, "previous_until": func.now() + overlap}
            kept = old if overlap > timedelta(0) else {"previous_hash": None}
            statement = update(api_keys).where(api_keys.c.id == row.id)
            values = {"changed_at": func.now(), **kept, **_columns_of(secret)}
            await connection.execute(statement.values(values))
            await notify(connection, CHANNEL)
            return _issued(await _one(connection, row.id), secret)


async def _insert(connection: AsyncConnection, new: NewKey, secret: str) -> str | None:
    """The id of the new key; None when the name is taken."""
    values = {
        "id": new_id("key_"),
        "project_id": await _project_id(connection, new.project),
        "name": new.name,
        "models": list(new.models),
        "scopes": [scope.value for scope in new.scopes],
        "expires_at": new.expires_at,
        "limits": written(new.limits),
        **_columns_of(secret),
    }
    statement = (
        upsert(api_keys)
        .values(values)
        .on_conflict_do_nothing(
            index_elements=["project_id", "name"], index_where=api_keys.c.revoked_at.is_(None)
        )
    )
    key: str | None = await connection.scalar(statement.returning(api_keys.c.id))
    return key


async def _project_id(connection: AsyncConnection, name: str) -> str:
    statement = upsert(projects).values(id=new_id("proj_"), name=name)
    await connection.execute(statement.on_conflict_do_nothing(index_elements=["name"]))
    found = await connection.scalar(select(projects.c.id).where(projects.c.name == name))
    return str(found)


def _columns_of(secret: str) -> dict[str, Any]:
    return {
        "hash": digest(secret),
        "prefix": shown_prefix(secret),
        "last_four": shown_end(secret),
    }


def _shown() -> Select[Any]:
    return select(api_keys, projects.c.name.label("project")).join(projects)


async def _one(connection: AsyncConnection, key: str, *, lock: bool = False) -> Row[Any]:
    """The key with this id, else the only live one with this name: an id is never a name."""
    by_name = (api_keys.c.name == key) & api_keys.c.revoked_at.is_(None)
    # PostgreSQL refuses what cannot be in a name, NUL for one.
    matches = (api_keys.c.id == key, by_name) if key.isprintable() else ()
    for match in matches:
        query = _shown().where(match).limit(2)
        if lock:
            query = query.with_for_update(of=api_keys)
        rows: Sequence[Row[Any]] = (await connection.execute(query)).all()
        if len(rows) > 1:
            raise UnknownKeyError(f"More than one project has a key named {key!r}; give its id.")
        if rows:
            return rows[0]
    raise UnknownKeyError(f"There is no API key with the id or name {key!r}.")


def _key(row: Row[Any]) -> Key:
    return Key.model_validate(row, from_attributes=True)


def _issued(row: Row[Any], secret: str) -> IssuedKey:
    return IssuedKey(key=secret, **_key(row).model_dump())
