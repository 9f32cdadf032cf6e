"""`files`, the `uploads` that become files part by part, and the key that links are signed with."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from stellwerk.data.metadata import metadata
from stellwerk.features.keys.tables import projects

files = Table(
    "files",
    metadata,
    Column("id", Text, primary_key=True),
    # No cascade: the bytes must be given up in the same transaction.
    Column("project_id", ForeignKey(projects.c.id), nullable=False),
    Column("filename", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False, index=True),
    # [[key, bytes], ...] in the blob store, in order.
    Column("pieces", JSONB, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True), index=True),
    Index(None, "project_id", "id"),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", ForeignKey(projects.c.id), nullable=False, index=True),
    Column("filename", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True), nullable=False, index=True),
    # Seconds that the file will live for.
    Column("expires_after", BigInteger),
    Column("file_id", ForeignKey(files.c.id, ondelete="SET NULL")),
)

upload_parts = Table(
    "upload_parts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("upload_id", ForeignKey(uploads.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("bytes", BigInteger, nullable=False),
    Column("pieces", JSONB, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

link_keys = Table(
    "link_keys",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("key", LargeBinary, nullable=False),
)
