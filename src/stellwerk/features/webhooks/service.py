"""Webhooks as projects have them: their secrets, and how a delivery stands."""

from datetime import timedelta

from sqlalchemy import delete, func, insert, or_, select, update

from stellwerk.data.database import Database
from stellwerk.features.keys.errors import UnknownProjectError
from stellwerk.features.keys.tables import projects
from stellwerk.features.webhooks.errors import NoWebhookSecretError
from stellwerk.features.webhooks.signing import new_secret, shown
from stellwerk.features.webhooks.tables import webhook_deliveries, webhook_secrets
from stellwerk.features.webhooks.types import Delivery, WebhookSecret

# For so long does the secret before the newest sign as well, so that receivers can change theirs.
OVERLAP = timedelta(days=1)

living = or_(webhook_secrets.c.expires_at.is_(None), webhook_secrets.c.expires_at > func.now())


class Webhooks:
    """For hubs and the command line."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def renew(self, project: str) -> WebhookSecret:
        """Give the project (by name or id) a new secret. Raises `UnknownProjectError`."""
        secret = new_secret()
        old = webhook_secrets.c
        async with self._database.begin() as connection:
            named = or_(projects.c.name == project, projects.c.id == project)
            # A name may look like another one's id; the name counts.
            query = select(projects.c.id).where(named).order_by((projects.c.name == project).desc())
            name = await connection.scalar(query.limit(1).with_for_update())
            if name is None:
                raise UnknownProjectError(f"There is no project {project!r}.")
            await connection.execute(
                delete(webhook_secrets).where(old.project_id == name, old.expires_at.is_not(None))
            )
            ending = update(webhook_secrets).where(old.project_id == name)
            until = await connection.scalar(
                ending.values(expires_at=func.now() + OVERLAP).returning(old.expires_at)
            )
            await connection.execute(insert(webhook_secrets).values(project_id=name, secret=secret))
        return WebhookSecret(
            project=project,
            secret=shown(secret),
            previous_expires_at=int(until.timestamp()) if until else None,
        )

    async def require_secret(self, project_id: str, param: str) -> None:
        """Raises `NoWebhookSecretError` that names `param`."""
        async with self._database.connect() as connection:
            query = select(webhook_secrets.c.id).where(
                webhook_secrets.c.project_id == project_id, living
            )
            if await connection.scalar(query.limit(1)) is None:
                raise NoWebhookSecretError(param)

    async def of(self, subject: str) -> Delivery | None:
        """How the delivery for a request or batch stands; None before there is one."""
        shown = webhook_deliveries.c
        async with self._database.connect() as connection:
            query = select(
                shown.attempts, shown.next_at, shown.ended_at, shown.status, shown.error
            ).where(shown.subject == subject)
            row = (await connection.execute(query.limit(1))).one_or_none()
        return Delivery(*row) if row is not None else None
