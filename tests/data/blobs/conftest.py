from collections.abc import Iterator
from pathlib import Path

import pytest

from stellwerk.data.blobs.store import Blobs
from tests.object_store import running_s3


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with running_s3(tmp_path_factory.mktemp("s3")) as options:
        yield options


@pytest.fixture(params=["directory", pytest.param("s3", marks=pytest.mark.long)])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    """A directory, and a bucket of a real S3 server."""
    if request.param == "directory":
        return Blobs((tmp_path / "blobs").as_uri())
    return Blobs(f"s3://files/{tmp_path.name}", request.getfixturevalue("s3"))
