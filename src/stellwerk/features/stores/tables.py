"""`vector_stores`, the files in them, and what is searched: chunks of text, and page images."""

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

from stellwerk.data.metadata import metadata
from stellwerk.features.files.tables import files
from stellwerk.features.keys.tables import projects

stores = Table(
    "vector_stores",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", ForeignKey(projects.c.id, ondelete="CASCADE"), nullable=False),
    Column("name", Text),
    Column("description", Text),
    Column("metadata", JSONB, nullable=False),
    Column("model", Text, nullable=False),
    # Length of its vectors; null: none yet.
    Column("width", Integer),
    # The same of its page images; null: it has none.
    Column("vision_model", Text),
    Column("vision_width", Integer),
    # PostgreSQL's names of the languages of its texts.
    Column("languages", ARRAY(Text), nullable=False, server_default="{}"),
    # Days without use after which it ends.
    Column("expires_after", Integer),
    Column("last_active_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index(None, "project_id", "id"),
)

store_files = Table(
    "vector_store_files",
    metadata,
    Column("store_id", ForeignKey(stores.c.id, ondelete="CASCADE"), primary_key=True),
    Column("file_id", ForeignKey(files.c.id, ondelete="CASCADE"), primary_key=True, index=True),
    Column("batch_id", Text, index=True),
    Column("status", Text, nullable=False),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("attributes", JSONB, nullable=False),
    # Of a chunk, in characters.
    Column("chunk_size", Integer, nullable=False),
    Column("chunk_overlap", Integer, nullable=False),
    Column("usage_bytes", BigInteger, nullable=False, server_default="0"),
    Column("pages_done", Integer, nullable=False, server_default="0"),
    Column("pages", Integer),
    # The row of the queue that ingests it. Only that one may write of it.
    Column("request_id", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("vector_store_files_ingest_idx", "request_id"),
)

# What came in together. A file that is put in again belongs to the last batch that it came in.
batches = Table(
    "vector_store_file_batches",
    metadata,
    Column("id", Text, primary_key=True),
    Column("store_id", ForeignKey(stores.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

chunks = Table(
    "vector_store_chunks",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("store_id", Text, nullable=False),
    Column("file_id", Text, nullable=False),
    Column("page", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("lexemes", TSVECTOR, nullable=False),
    Column("embedding", HALFVEC, nullable=False),
    ForeignKeyConstraint(
        ["store_id", "file_id"],
        [store_files.c.store_id, store_files.c.file_id],
        ondelete="CASCADE",
    ),
    Index(None, "store_id", "file_id", "page"),
    Index("vector_store_chunks_lexemes_idx", "lexemes", postgresql_using="gin"),
)

pages = Table(
    "vector_store_pages",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("store_id", Text, nullable=False),
    Column("file_id", Text, nullable=False),
    Column("page", Integer, nullable=False),
    # Key in the blob store of a PNG. A trigger gives its heap up when the row goes.
    Column("picture", Text, nullable=False),
    Column("picture_bytes", Integer, nullable=False),
    # All vectors of the page, of length 1: rows of little-endian 16-bit floats.
    Column("vectors", LargeBinary, nullable=False),
    ForeignKeyConstraint(
        ["store_id", "file_id"],
        [store_files.c.store_id, store_files.c.file_id],
        ondelete="CASCADE",
    ),
    Index(None, "store_id", "file_id", "page"),
)

# Those of the vectors, or means of neighbours among them, by which candidates are found.
page_vectors = Table(
    "vector_store_page_vectors",
    metadata,
    Column("page_id", ForeignKey(pages.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("store_id", Text, nullable=False, index=True),
    Column("file_id", Text, nullable=False),
    Column("embedding", HALFVEC, nullable=False),
)
