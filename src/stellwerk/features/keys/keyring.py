"""Who a secret belongs to, without a query for each request.

A hub process remembers the keys that it has seen. Any change of any key empties its memory, by
notification and, should one be lost, by the listener's poll.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, func, or_, select, union_all

from stellwerk.base.limits import Limits
from stellwerk.data.database import Database
from stellwerk.features.keys.errors import KeyRefusedError
from stellwerk.features.keys.secrets import digest
from stellwerk.features.keys.tables import api_keys, projects
from stellwerk.features.keys.types import KeyLimits, Principal, Scope

CAPACITY = 100_000

FOUND = select(
    api_keys, projects.c.name.label("project_name"), projects.c.limits.label("project_limits")
).join(projects)


class Keyring:
    """The keys that this process has seen, by the SHA-256 of their secret."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: dict[bytes, Principal] = {}
        self._holders: dict[str, Principal] = {}
        # How often some key has changed, as far as this process has heard.
        self.changes = 0
        self._state: object = None

    def forget(self) -> None:
        """Some key has changed."""
        self.changes += 1
        self._seen.clear()
        self._holders.clear()

    async def poll(self) -> None:
        """Look whether any key has changed, for the case that its notification was lost."""
        states = [
            select(func.count(), func.sum(func.extract("epoch", table.c.changed_at)))
            for table in (api_keys, projects)
        ]
        async with self._database.connect() as connection:
            state = (await connection.execute(union_all(*states))).all()
        if state != self._state:
            self._state = state
            self.forget()

    def remembered(self, secret: str | None) -> Principal | None:
        """Who `secret` belongs to, if this process knows it; None: ask `principal`.

        Raises `KeyRefusedError` for a key that has expired.
        """
        principal = self._seen.get(digest(secret)) if secret else None
        if principal is not None and principal.expired():
            raise KeyRefusedError(f"The API key {principal.key_name!r} has expired.")
        return principal

    async def principal(self, secret: str | None) -> Principal:
        """Who `secret` belongs to. Raises `KeyRefusedError` that says why it does not count."""
        if not secret:
            raise KeyRefusedError(
                "No API key was given. Send it as `Authorization: Bearer KEY` or `api-key: KEY`."
            )
        principal = self.remembered(secret) or await self._load(digest(secret))
        if principal.expired():
            raise KeyRefusedError(f"The API key {principal.key_name!r} has expired.")
        return principal

    async def holder(self, key_id: str) -> Principal:
        """Who stands behind a key that was seen before, as it is now. Raises `KeyRefusedError`."""
        principal = self._holders.get(key_id)
        if principal is None:
            changes = self.changes
            principal = await self._query_holder(key_id)
            if changes == self.changes:
                self._holders[key_id] = principal
        if principal.expired():
            raise KeyRefusedError(f"The API key {principal.key_name!r} has expired.")
        return principal

    async def _query_holder(self, key_id: str) -> Principal:
        async with self._database.connect() as connection:
            query = FOUND.where(api_keys.c.id == key_id)
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise KeyRefusedError("The API key is gone.")
        if row.revoked_at is not None:
            raise KeyRefusedError(f"The API key {row.name!r} was revoked.")
        return _principal(row)

    async def _load(self, hashed: bytes) -> Principal:
        changes = self.changes
        principal, lasting = await self._query(hashed)
        # A key that was changed while it was read must be read again next time.
        if lasting and changes == self.changes:
            if len(self._seen) >= CAPACITY:
                self._seen.clear()
            self._seen[hashed] = principal
        return principal

    async def _query(self, hashed: bytes) -> tuple[Principal, bool]:
        matches = or_(api_keys.c.hash == hashed, api_keys.c.previous_hash == hashed)
        async with self._database.connect() as connection:
            row = (await connection.execute(FOUND.where(matches))).one_or_none()
        if row is None:
            raise KeyRefusedError("Incorrect API key provided.")
        if row.revoked_at is not None:
            raise KeyRefusedError(f"The API key {row.name!r} was revoked.")
        current = row.hash == hashed
        if not current and row.previous_until <= datetime.now(UTC):
            raise KeyRefusedError(f"The API key {row.name!r} was rotated; use its new secret.")
        return _principal(row), current


def _principal(row: Row[Any]) -> Principal:
    return Principal(
        key_id=row.id,
        key_name=row.name,
        project_id=row.project_id,
        models=tuple(row.models),
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        expires_at=row.expires_at,
        limits=_limits(row),
    )


def _limits(row: Row[Any]) -> KeyLimits | None:
    key, project = Limits.model_validate(row.limits), Limits.model_validate(row.project_limits)
    return KeyLimits(key, project, row.project_name) if key or project else None
