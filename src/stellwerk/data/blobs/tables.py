"""`blob_orphans`: heaps that belong to nobody (yet, or any more)."""

from sqlalchemy import Column, DateTime, Table, Text

from stellwerk.data.metadata import metadata

orphans = Table(
    "blob_orphans",
    metadata,
    Column("heap", Text, primary_key=True),
    Column("due_at", DateTime(timezone=True), nullable=False, index=True),
)
