"""`models`: the catalogue entries that were made over the admin API."""

from sqlalchemy import Column, DateTime, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB

from stellwerk.data.metadata import metadata

models = Table(
    "models",
    metadata,
    Column("id", Text, primary_key=True),
    Column("entry", JSONB, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
