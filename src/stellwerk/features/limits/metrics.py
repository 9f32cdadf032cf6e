"""How often a limit has turned a request away."""

from prometheus_client import CollectorRegistry, Counter

from stellwerk.features.limits.window import Cell


class LimitMetrics:
    """Counts of refusals. Whose limit it was stays out: a key each would be too many series."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._limited = Counter(
            "stellwerk_limited",
            "Requests turned away by a limit of a key, a project or a model.",
            ("scope", "limit"),
            registry=registry,
        )

    def refused(self, cell: Cell) -> None:
        """`cell` has not enough free for a request."""
        self._limited.labels(cell.scope, cell.kind.field).inc()
