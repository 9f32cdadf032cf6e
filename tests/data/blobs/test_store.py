from collections.abc import Iterator
from pathlib import Path

import pytest

from stellwerk.data.blobs.errors import (
    BlobMissingError,
    BlobSettingsError,
    BlobStoreError,
    BlobStoreFullError,
)
from stellwerk.data.blobs.store import Blobs
from tests.disks import small_disk


async def test_put_get_clear(blobs: Blobs) -> None:
    await blobs.put("a/b/0", b"0123456789")
    await blobs.put("a/b/1", b"x")
    await blobs.put("a/bc/0", b"y")
    assert await blobs.get("a/b/0", 2, 5) == b"234"
    assert await blobs.keys("a") == ["a/b/0", "a/b/1", "a/bc/0"]
    await blobs.clear("a/b")
    await blobs.clear("a/b")
    assert await blobs.keys() == ["a/bc/0"]
    with pytest.raises(BlobMissingError):
        await blobs.get("a/b/0", 0, 1)


async def test_a_second_put_replaces(blobs: Blobs) -> None:
    await blobs.put("a/0", b"first")
    await blobs.put("a/0", b"second")
    assert await blobs.get("a/0", 0, 6) == b"second"


async def test_what_a_killed_process_left_is_cleared(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path.as_uri())
    await blobs.put("a/b/0", b"x")
    (tmp_path / "a" / "b" / "1#2").write_bytes(b"half")
    await blobs.clear("a/b")
    assert list((tmp_path / "a").iterdir()) == []


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("s3://files", {"endpoit": "https://x"}, "endpoit"),
        ("s3://files", {"timeout": "soon"}, "soon"),
        ("file:///proc/none", {}, "/proc/none"),
    ],
)
def test_settings_that_cannot_be(url: str, options: dict[str, str], said: str) -> None:
    with pytest.raises(BlobSettingsError, match=said):
        Blobs(url, options)


@pytest.mark.long
async def test_a_store_that_is_away_is_told_without_its_address() -> None:
    blobs = Blobs(
        "s3://files",
        {"endpoint": "http://127.0.0.1:9", "allow_http": "true", "region": "x"}
        | {"access_key_id": "a", "secret_access_key": "b"},
    )
    with pytest.raises(BlobStoreError) as caught:
        await blobs.put("a/0", b"x")
    assert "127.0.0.1" not in caught.value.message
    assert caught.value.retry_after


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as place:
        yield place


async def test_a_full_disk_is_told_and_leaves_nothing(small: Path) -> None:
    blobs = Blobs(small.as_uri())
    with pytest.raises(BlobStoreFullError):
        await blobs.put("a/0", bytes(2 * 2**20))
    assert await blobs.keys() == []
    await blobs.clear("a")
    await blobs.put("b/0", bytes(2**19))
