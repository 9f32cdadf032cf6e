"""`webhook_secrets` of projects, and `webhook_deliveries`: what is to be told to whom.

A request that ends and names a URL gets its delivery by a trigger, in the transaction that ends it,
whichever statement that is (see the migration).
"""

from sqlalchemy import (
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)

from stellwerk.data.metadata import metadata
from stellwerk.features.keys.tables import projects

webhook_secrets = Table(
    "webhook_secrets",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey(projects.c.id, ondelete="CASCADE"), nullable=False, index=True),
    # In the clear, as it has to sign.
    Column("secret", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True)),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    # The id of the request or batch that has ended.
    Column("subject", Text, nullable=False, index=True),
    Column("project_id", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("type", Text, nullable=False),
    # JSON, as it is sent.
    Column("data", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    # When it is tried (again). Null: it has ended.
    Column("next_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    # Of the last attempt: the status that was answered, or why there was none.
    Column("status", SmallInteger),
    Column("error", Text),
    Index(
        "webhook_deliveries_next_at_idx",
        "next_at",
        postgresql_where=text("next_at is not null"),
    ),
    Index(
        "webhook_deliveries_ended_at_idx",
        "ended_at",
        postgresql_where=text("ended_at is not null"),
    ),
)
