"""`limit_processes`, `limit_pools` and `limit_leases`."""

from sqlalchemy import BigInteger, Column, DateTime, Double, Index, Integer, Table, Text

from stellwerk.data.metadata import metadata

# Who may hold shares. After `ends_at` a process uses them no more.
processes = Table(
    "limit_processes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("machine", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started", Double, nullable=False),
    Column("ends_at", DateTime(timezone=True), nullable=False),
)

# One row a limit. It is locked while shares of it move, and keeps what the dead have spent.
pools = Table(
    "limit_pools",
    metadata,
    Column("id", Text, primary_key=True),
    Column("spent", BigInteger, nullable=False, server_default="0"),
)

leases = Table(
    "limit_leases",
    metadata,
    Column("pool_id", Text, primary_key=True),
    Column("process_id", Text, primary_key=True),
    # Seconds for which the share is still counted after its process has ended.
    Column("window", Double, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("spent", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    Index(None, "process_id"),
)
