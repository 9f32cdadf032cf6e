"""Batches, their growing output, and the rows of the queue that hold their lines."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("requests", sa.Column("batch_id", sa.Text))
    op.create_index(
        "requests_batch_id_idx",
        "requests",
        ["batch_id"],
        postgresql_where=sa.text("batch_id is not null"),
    )
    op.create_table(
        "batch_pieces",
        sa.Column("file_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("file_id", "number", name="batch_pieces_pkey"),
    )
    _create_batches()


def _create_batches() -> None:
    op.create_table(
        "batches",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("input_file_id", sa.Text, nullable=False),
        sa.Column("metadata", JSONB),
        sa.Column("urgency", sa.SmallInteger, nullable=False),
        sa.Column("webhook", sa.Text),
        sa.Column("expires_after", sa.BigInteger),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("ending", sa.Text),
        _moment("created_at", sa.text("now()")),
        _moment("expires_at", nullable=False),
        *(_moment(f"{name}_at") for name in ("in_progress", "cancelling", "finalizing", "ended")),
        *(
            sa.Column(name, sa.Integer, nullable=False, server_default="0")
            for name in ("total", "completed", "failed")
        ),
        sa.Column("input_bytes", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("place", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("errors", JSONB),
        sa.Column("output_file_id", sa.Text, nullable=False),
        sa.Column("error_file_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="batches_pkey"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], "batches_project_id_fkey"),
    )
    op.create_index("batches_project_id_id_idx", "batches", ["project_id", "id"])
    op.create_index(
        "batches_open_idx", "batches", ["id"], postgresql_where=sa.text("ended_at is null")
    )


def _moment(
    name: str, default: sa.TextClause | None = None, *, nullable: bool = True
) -> sa.Column[object]:
    return sa.Column(
        name,
        sa.DateTime(timezone=True),
        server_default=default,
        nullable=nullable and default is None,
    )
