"""The queue: requests, its workers, its clock, and what projects may take of it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _create_requests()
    _create_indexes()
    op.create_table(
        "queue_workers",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        _moment("started_at"),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="queue_workers_pkey"),
    )
    op.create_table(
        "queue_clock",
        sa.Column("urgency", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("turn", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("urgency", name="queue_clock_pkey"),
    )
    op.execute("insert into queue_clock select urgency, 0 from generate_series(0, 7) as urgency")
    op.create_table(
        "queue_projects",
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("weight", sa.Double, nullable=False, server_default="1"),
        sa.Column("urgency", sa.SmallInteger, nullable=False, server_default="3"),
        sa.PrimaryKeyConstraint("project_id", name="queue_projects_pkey"),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], "queue_projects_project_id_fkey", ondelete="CASCADE"
        ),
    )


def _create_requests() -> None:
    op.create_table(
        "requests",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("urgency", sa.SmallInteger, nullable=False),
        sa.Column("turn", sa.Double, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False, server_default="0"),
        sa.Column("attempts", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("max_attempts", sa.SmallInteger, nullable=False),
        sa.Column("worker", sa.Text),
        sa.Column("run_at", sa.DateTime(timezone=True)),
        sa.Column("stream", sa.Boolean, nullable=False),
        sa.Column("held", sa.Boolean, nullable=False),
        sa.Column("bindings", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("digest", sa.LargeBinary),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("webhook", sa.Text),
        sa.Column("retention", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        _moment("created_at"),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("purge_at", sa.DateTime(timezone=True)),
        sa.Column("status", sa.SmallInteger),
        sa.Column("answer_type", sa.Text),
        sa.Column("answer", sa.LargeBinary),
        sa.PrimaryKeyConstraint("id", name="requests_pkey"),
    )
    # Bodies and answers live for a short time: compressing them costs more than it saves.
    for column in ("body", "answer"):
        op.execute(f"alter table requests alter column {column} set storage external")
    # Each request is rewritten three times and then deleted.
    op.execute(
        "alter table requests set (autovacuum_vacuum_scale_factor = 0.05, "
        "autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0)"
    )


def _create_indexes() -> None:
    def index(name: str, columns: list[str], where: str | None, *, unique: bool = False) -> None:
        condition = sa.text(where) if where else None
        op.create_index(name, "requests", columns, unique=unique, postgresql_where=condition)

    index("requests_key_id_id_idx", ["key_id", "id"], None)
    index("requests_line_idx", ["urgency", "turn", "id"], "state = 'queued'")
    index("requests_running_idx", ["worker"], "state in ('running', 'cancelling')")
    index("requests_run_at_idx", ["run_at"], "state = 'deferred'")
    index("requests_purge_at_idx", ["purge_at"], "purge_at is not null")
    index("requests_digest_idx", ["key_id", "digest"], "held")
    index(
        "requests_idempotency_key_idx",
        ["key_id", "idempotency_key"],
        "idempotency_key is not null",
        unique=True,
    )


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
    )
