"""`requests`: the request is the job. Around it, the workers, the queue's clock, and projects."""

from sqlalchemy import (
    REAL,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)

from stellwerk.data.metadata import metadata
from stellwerk.features.keys.tables import projects

requests = Table(
    "requests",
    metadata,
    Column("id", Text, primary_key=True),
    # No foreign keys: they would cost a look at the key's row for each request, and a key is
    # never deleted while its requests count for anything.
    Column("key_id", Text, nullable=False),
    Column("project_id", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("state", Text, nullable=False),
    # The line's order: the least urgency (RFC 9218: 0 is the most urgent), then the least turn.
    Column("urgency", SmallInteger, nullable=False),
    Column("turn", Double, nullable=False),
    # The number of claims. Who holds an older one may not write any more.
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("max_attempts", SmallInteger, nullable=False),
    Column("worker", Text),
    Column("run_at", DateTime(timezone=True)),
    # The share of the work that is done, where a model tells it.
    Column("progress", REAL),
    Column("stream", Boolean, nullable=False),
    # A caller holds a connection for it, and has not had the answer yet.
    Column("held", Boolean, nullable=False),
    Column("bindings", SmallInteger, nullable=False, server_default="0"),
    Column("digest", LargeBinary),
    Column("idempotency_key", Text),
    Column("webhook", Text),
    # The batch that it holds lines of.
    Column("batch_id", Text),
    Column("retention", Integer, nullable=False),
    Column("body", LargeBinary),
    Column("content_type", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("started_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
    Column("purge_at", DateTime(timezone=True)),
    Column("status", SmallInteger),
    Column("answer_type", Text),
    Column("answer", LargeBinary),
    Index(None, "key_id", "id"),
    Index(
        "requests_line_idx",
        "urgency",
        "turn",
        "id",
        postgresql_where=text("state = 'queued'"),
    ),
    Index(
        "requests_running_idx",
        "worker",
        postgresql_where=text("state in ('running', 'cancelling')"),
    ),
    Index("requests_run_at_idx", "run_at", postgresql_where=text("state = 'deferred'")),
    Index("requests_purge_at_idx", "purge_at", postgresql_where=text("purge_at is not null")),
    Index("requests_batch_id_idx", "batch_id", postgresql_where=text("batch_id is not null")),
    Index("requests_digest_idx", "key_id", "digest", postgresql_where=text("held")),
    Index(
        "requests_idempotency_key_idx",
        "key_id",
        "idempotency_key",
        unique=True,
        postgresql_where=text("idempotency_key is not null"),
    ),
)

queue_workers = Table(
    "queue_workers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("place", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("lease_until", DateTime(timezone=True), nullable=False),
)

# The virtual time of each urgency: the largest turn that was ever claimed.
queue_clock = Table(
    "queue_clock",
    metadata,
    Column("urgency", SmallInteger, primary_key=True),
    Column("turn", Double, nullable=False),
)

queue_projects = Table(
    "queue_projects",
    metadata,
    Column("project_id", ForeignKey(projects.c.id, ondelete="CASCADE"), primary_key=True),
    Column("weight", Double, nullable=False, server_default="1"),
    Column("urgency", SmallInteger, nullable=False, server_default="3"),
)

# The events of a stream that runs, as they come: those numbered from `first` to `last`.
request_events = Table(
    "request_events",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("fence", Integer, primary_key=True, autoincrement=False),
    Column("first", Integer, primary_key=True, autoincrement=False),
    Column("last", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
