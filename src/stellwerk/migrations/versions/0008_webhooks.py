"""Webhooks: secrets of projects, and deliveries for requests that ended."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

# The request as its caller sees it, without what it says: for whoever gets it may be another.
FUNCTION = """
    create function tell_webhook() returns trigger language plpgsql as $$
    begin
        insert into webhook_deliveries (id, subject, project_id, url, type, data, next_at)
        values (
            'msg_' || replace(gen_random_uuid()::text, '-', ''), new.id, new.project_id,
            new.webhook, 'queue.request.' || new.state,
            json_build_object(
                'id', new.id, 'object', 'queue.request', 'operation', new.operation,
                'model', new.model, 'status', new.state, 'attempts', new.attempts,
                'created_at', extract(epoch from new.created_at)::bigint,
                'started_at', extract(epoch from new.started_at)::bigint,
                'finished_at', extract(epoch from new.finished_at)::bigint,
                'http_status', new.status
            )::text,
            clock_timestamp()
        );
        perform pg_notify('webhooks', '');
        return null;
    end $$
"""
TRIGGER = """
    create trigger requests_webhook after update of finished_at on requests for each row
    when (old.finished_at is null and new.finished_at is not null and new.webhook is not null)
    execute function tell_webhook()
"""


def upgrade() -> None:
    op.create_table(
        "webhook_secrets",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        _moment("created_at", default=True),
        _moment("expires_at"),
        sa.PrimaryKeyConstraint("id", name="webhook_secrets_pkey"),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], "webhook_secrets_project_id_fkey", ondelete="CASCADE"
        ),
    )
    op.create_index("webhook_secrets_project_id_idx", "webhook_secrets", ["project_id"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        _moment("created_at", default=True),
        sa.Column("attempts", sa.SmallInteger, nullable=False, server_default="0"),
        _moment("next_at"),
        _moment("ended_at"),
        sa.Column("status", sa.SmallInteger),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("id", name="webhook_deliveries_pkey"),
    )
    op.create_index("webhook_deliveries_subject_idx", "webhook_deliveries", ["subject"])
    for column in ("next_at", "ended_at"):
        op.create_index(
            f"webhook_deliveries_{column}_idx",
            "webhook_deliveries",
            [column],
            postgresql_where=sa.text(f"{column} is not null"),
        )
    op.execute(FUNCTION)
    op.execute(TRIGGER)


def _moment(name: str, *, default: bool = False) -> sa.Column[object]:
    now = sa.text("now()") if default else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=now, nullable=not default)
