from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from stellwerk.base.settings import UsageSettings
from stellwerk.data.database import Database
from stellwerk.features.usage.metrics import UsageMetrics
from stellwerk.features.usage.recorder import Recorder

Make = Callable[..., Recorder]


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def recorder(database: Database, tmp_path: Path, registry: CollectorRegistry) -> Make:
    """Makes recorders that share the directory `tmp_path / "usage"`."""
    metrics = UsageMetrics(registry)

    def make(into: Database = database, **settings: Any) -> Recorder:
        return Recorder(into, tmp_path / "usage", UsageSettings(**settings), metrics)

    return make
