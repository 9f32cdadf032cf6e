"""Batches of files in vector stores, whatever became of the files; files by their content."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

KNOWN = """
insert into vector_store_file_batches (id, store_id, created_at)
select batch_id, store_id, min(created_at) from vector_store_files
where batch_id is not null group by batch_id, store_id
"""


def upgrade() -> None:
    op.create_table(
        "vector_store_file_batches",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("store_id", sa.Text, nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.func.now(),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="vector_store_file_batches_pkey"),
        sa.ForeignKeyConstraint(
            ["store_id"],
            ["vector_stores.id"],
            "vector_store_file_batches_store_id_fkey",
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "vector_store_file_batches_store_id_idx", "vector_store_file_batches", ["store_id"]
    )
    op.execute(KNOWN)
    op.create_index("files_sha256_idx", "files", ["sha256"])
