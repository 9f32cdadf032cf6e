"""What calls need beneath them, opened once for a module."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from stellwerk.data.blobs.heaps import Heaps
from stellwerk.data.blobs.store import Blobs
from stellwerk.data.database import Database
from stellwerk.features.files.service import Files
from stellwerk.features.limits.service import Admission
from tests.admissions import admission


@dataclass
class Shared:
    """What all calls share: opening it for each test would be most of the test."""

    database: Database
    admission: Admission
    files: Files


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(
    shared_dsn: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Shared]:
    blobs = Blobs(tmp_path_factory.mktemp("blobs").as_uri())
    async with Database(shared_dsn) as database, admission(database, 30) as admits:
        yield Shared(database, admits, Files(database, Heaps(database, blobs), 2**20))
