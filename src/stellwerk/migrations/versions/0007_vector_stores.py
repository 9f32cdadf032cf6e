"""Vector stores, the files in them, and their chunks."""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "vector_stores",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("description", sa.Text),
        sa.Column("metadata", JSONB, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("width", sa.Integer),
        sa.Column("languages", ARRAY(sa.Text), nullable=False, server_default="{}"),
        sa.Column("expires_after", sa.Integer),
        _moment("last_active_at"),
        _moment("created_at"),
        sa.PrimaryKeyConstraint("id", name="vector_stores_pkey"),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], "vector_stores_project_id_fkey", ondelete="CASCADE"
        ),
    )
    op.create_index("vector_stores_project_id_id_idx", "vector_stores", ["project_id", "id"])
    _create_files()
    _create_chunks()


def _create_files() -> None:
    op.create_table(
        "vector_store_files",
        sa.Column("store_id", sa.Text, nullable=False),
        sa.Column("file_id", sa.Text, nullable=False),
        sa.Column("batch_id", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("error_code", sa.Text),
        sa.Column("error_message", sa.Text),
        sa.Column("attributes", JSONB, nullable=False),
        sa.Column("chunk_size", sa.Integer, nullable=False),
        sa.Column("chunk_overlap", sa.Integer, nullable=False),
        sa.Column("usage_bytes", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("pages_done", sa.Integer, nullable=False, server_default="0"),
        sa.Column("pages", sa.Integer),
        sa.Column("request_id", sa.Text, nullable=False),
        _moment("created_at"),
        sa.PrimaryKeyConstraint("store_id", "file_id", name="vector_store_files_pkey"),
        sa.ForeignKeyConstraint(
            ["store_id"],
            ["vector_stores.id"],
            "vector_store_files_store_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["file_id"], ["files.id"], "vector_store_files_file_id_fkey", ondelete="CASCADE"
        ),
    )
    op.create_index("vector_store_files_file_id_idx", "vector_store_files", ["file_id"])
    op.create_index("vector_store_files_batch_id_idx", "vector_store_files", ["batch_id"])
    op.create_index("vector_store_files_ingest_idx", "vector_store_files", ["request_id"])


def _create_chunks() -> None:
    op.create_table(
        "vector_store_chunks",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("store_id", sa.Text, nullable=False),
        sa.Column("file_id", sa.Text, nullable=False),
        sa.Column("page", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("lexemes", TSVECTOR, nullable=False),
        sa.Column("embedding", HALFVEC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="vector_store_chunks_pkey"),
        sa.ForeignKeyConstraint(
            ["store_id", "file_id"],
            ["vector_store_files.store_id", "vector_store_files.file_id"],
            "vector_store_chunks_store_id_file_id_fkey",
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "vector_store_chunks_store_id_file_id_page_idx",
        "vector_store_chunks",
        ["store_id", "file_id", "page"],
    )
    op.create_index(
        "vector_store_chunks_lexemes_idx",
        "vector_store_chunks",
        ["lexemes"],
        postgresql_using="gin",
    )


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
    )
