"""`batches`, and the `batch_pieces` of their output while it grows."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from stellwerk.data.metadata import metadata
from stellwerk.features.keys.tables import projects

batches = Table(
    "batches",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", ForeignKey(projects.c.id), nullable=False),
    Column("key_id", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    # No foreign key: the file may be deleted, and the batch tells of it.
    Column("input_file_id", Text, nullable=False),
    Column("metadata", JSONB),
    Column("urgency", SmallInteger, nullable=False),
    Column("webhook", Text),
    # Seconds that output files will live for.
    Column("expires_after", BigInteger),
    Column("status", Text, nullable=False),
    # What it will have been, once nothing runs any more: an early end comes in steps.
    Column("ending", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("in_progress_at", DateTime(timezone=True)),
    Column("cancelling_at", DateTime(timezone=True)),
    Column("finalizing_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    # Lines of the input, and of those that were written to the output.
    Column("total", Integer, nullable=False, server_default="0"),
    Column("completed", Integer, nullable=False, server_default="0"),
    Column("failed", Integer, nullable=False, server_default="0"),
    # Bytes of the input, and of those that were put into the queue.
    Column("input_bytes", BigInteger, nullable=False, server_default="0"),
    Column("place", BigInteger, nullable=False, server_default="0"),
    Column("errors", JSONB),
    # Chosen at the start, so that their pieces have a place; shown when the files are there.
    Column("output_file_id", Text, nullable=False),
    Column("error_file_id", Text, nullable=False),
    Index(None, "project_id", "id"),
    Index("batches_open_idx", "id", postgresql_where=text("ended_at is null")),
)

batch_pieces = Table(
    "batch_pieces",
    metadata,
    Column("file_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
)
