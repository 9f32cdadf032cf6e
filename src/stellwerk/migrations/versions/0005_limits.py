"""Limits of keys and projects, and the shares of them that processes hold."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for table in ("projects", "api_keys"):
        op.add_column(
            table,
            sa.Column("limits", JSONB, server_default=sa.text("'{}'"), nullable=False),
        )
    op.add_column(
        "projects",
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
    )
    op.create_table(
        "limit_processes",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("machine", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="limit_processes_pkey"),
    )
    op.create_table(
        "limit_pools",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("spent", sa.BigInteger, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name="limit_pools_pkey"),
    )
    _create_leases()


def _create_leases() -> None:
    op.create_table(
        "limit_leases",
        sa.Column("pool_id", sa.Text, nullable=False),
        sa.Column("process_id", sa.Text, nullable=False),
        sa.Column("window", sa.Double, nullable=False),
        sa.Column("held", sa.BigInteger, nullable=False),
        sa.Column("spent", sa.BigInteger, nullable=False),
        sa.Column("reserved", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("pool_id", "process_id", name="limit_leases_pkey"),
    )
    op.create_index("limit_leases_process_id_idx", "limit_leases", ["process_id"])
