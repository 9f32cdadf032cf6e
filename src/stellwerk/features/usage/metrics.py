"""What became of the rows that this process recorded."""

from prometheus_client import CollectorRegistry, Counter


class UsageMetrics:
    """Counts of rows."""

    def __init__(self, registry: CollectorRegistry) -> None:
        rows = Counter(
            "stellwerk_usage_rows",
            "Usage rows: written to PostgreSQL, spooled to a file first, or dropped for good.",
            ("outcome",),
            registry=registry,
        )
        self.written = rows.labels("written")
        self.spooled = rows.labels("spooled")
        self.dropped = rows.labels("dropped")
