"""What each request used, and the totals of each hour."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import REAL

revision = "0004"
down_revision = "0003"

NAMES = ("key_id", "project_id", "model", "target", "operation")
TOTALS = ("requests", "errors", "estimated")
TOKENS = ("prompt_tokens", "cached_tokens", "completion_tokens")


def upgrade() -> None:
    op.create_table(
        "usage",
        _moment("time"),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("request_id", *NAMES)),
        *(sa.Column(name, sa.Integer, nullable=False) for name in TOKENS),
        sa.Column("cost", sa.BigInteger, nullable=False),
        sa.Column("first_byte_ms", REAL),
        sa.Column("duration_ms", REAL, nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("estimated", sa.Boolean, nullable=False),
        sa.Column("stream", sa.Boolean, nullable=False),
        postgresql_partition_by="RANGE (time)",
    )
    op.execute("create index usage_time_idx on usage using brin (time) with (autosummarize = on)")
    _create_totals()
    op.create_table(
        "usage_writers",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column(
            "changed_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="usage_writers_pkey"),
    )


def _create_totals() -> None:
    op.create_table(
        "usage_hours",
        _moment("hour"),
        *(sa.Column(name, sa.Text, nullable=False) for name in NAMES),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in (*TOTALS, *TOKENS, "cost")),
        sa.PrimaryKeyConstraint("hour", *NAMES, name="usage_hours_pkey"),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index("usage_hours_key_id_hour_idx", "usage_hours", ["key_id", "hour"])
    op.create_index("usage_hours_project_id_hour_idx", "usage_hours", ["project_id", "hour"])


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)
