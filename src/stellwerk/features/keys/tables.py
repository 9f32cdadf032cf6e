"""`projects` and `api_keys`."""

from sqlalchemy import (
    ARRAY,
    Column,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from stellwerk.data.metadata import metadata

projects = Table(
    "projects",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("limits", JSONB, nullable=False, server_default=text("'{}'")),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", ForeignKey(projects.c.id, ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("prefix", Text, nullable=False),
    Column("last_four", Text, nullable=False),
    Column("models", ARRAY(Text), nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    # The secret before the last rotation goes on working until then.
    Column("previous_hash", LargeBinary, unique=True),
    Column("previous_until", DateTime(timezone=True)),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("limits", JSONB, nullable=False, server_default=text("'{}'")),
    Index(
        None,
        "project_id",
        "name",
        unique=True,
        postgresql_where=text("revoked_at IS NULL"),
    ),
)
