"""Admissions that count for themselves."""

from contextlib import AbstractAsyncContextManager

from prometheus_client import CollectorRegistry

from stellwerk.data.database import Database
from stellwerk.features.limits import service
from stellwerk.features.limits.metrics import LimitMetrics
from stellwerk.features.limits.service import Admission


def admission(
    database: Database, grace: float, registry: CollectorRegistry | None = None
) -> AbstractAsyncContextManager[Admission]:
    """See `service.admission`; its metrics are in `registry`."""
    return service.admission(database, grace, LimitMetrics(registry or CollectorRegistry()))
