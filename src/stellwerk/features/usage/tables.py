"""`usage`, a row for each request; `usage_hours`, their totals; `usage_writers`, who wrote them.

`usage` is partitioned by day (UTC): its rows are kept for a number of days, so that each day one
partition goes and none is ever half too old. Every row costs its writing, and what is asked is
asked of the totals, so its one index is a BRIN, which a row in the order of time costs next to
nothing.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import REAL

from stellwerk.data.metadata import metadata

usage = Table(
    "usage",
    metadata,
    Column("time", DateTime(timezone=True), nullable=False),
    Column("request_id", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("project_id", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("cached_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("cost", BigInteger, nullable=False),
    Column("first_byte_ms", REAL),
    Column("duration_ms", REAL, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Column("stream", Boolean, nullable=False),
    Index(None, "time", postgresql_using="brin", postgresql_with={"autosummarize": "on"}),
    postgresql_partition_by="RANGE (time)",
)

# Updated each second, and no column of an index ever is: fillfactor leaves room for it in place.
usage_hours = Table(
    "usage_hours",
    metadata,
    Column("hour", DateTime(timezone=True), primary_key=True),
    Column("key_id", Text, primary_key=True),
    Column("project_id", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("operation", Text, primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("errors", BigInteger, nullable=False),
    Column("estimated", BigInteger, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("cost", BigInteger, nullable=False),
    Index(None, "key_id", "hour"),
    Index(None, "project_id", "hour"),
    postgresql_with={"fillfactor": "70"},
)

usage_writers = Table(
    "usage_writers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
