from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from stellwerk.base.model_entry import Source
from stellwerk.features.weights.errors import NoSourceError
from stellwerk.features.weights.store import Store
from tests.features.weights.pulls import Heard, model, noise, weight_file

DATA = noise(3_000_000)
SHM = Path("/dev/shm")


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    path = tmp_path / "mine.gguf"
    path.write_bytes(DATA)
    return path


def test_takes_no_second_copy(store: Store, origin: Path) -> None:
    entry = model(weight_file(DATA, Source(path=str(origin))))
    heard = Heard()
    store.pull(entry, heard)
    assert store.path(entry.files[0]).read_bytes() == DATA
    assert heard.bytes == 0


def test_link_is_followed(store: Store, origin: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(origin)
    entry = model(weight_file(DATA, Source(path=str(link))))
    store.pull(entry)
    assert not store.path(entry.files[0]).is_symlink()
    store.remove(entry, [entry])
    assert origin.read_bytes() == DATA


@pytest.mark.skipif(not SHM.is_dir(), reason="there is no second file system to copy from")
def test_copies_from_another_disk(store: Store) -> None:
    with TemporaryDirectory(dir=SHM) as elsewhere:
        origin = Path(elsewhere) / "mine.gguf"
        origin.write_bytes(DATA)
        entry = model(weight_file(DATA, Source(path=str(origin))))
        heard = Heard()
        store.pull(entry, heard)
    assert store.path(entry.files[0]).read_bytes() == DATA
    assert heard.bytes == len(DATA)


def test_wrong_file_stays_with_its_owner(store: Store, origin: Path) -> None:
    entry = model(weight_file(DATA[::-1], Source(path=str(origin))))
    with pytest.raises(NoSourceError, match="what came has the SHA-256"):
        store.pull(entry)
    assert origin.read_bytes() == DATA
    assert not store.path(entry.files[0]).exists()


def test_wrong_size(store: Store, origin: Path) -> None:
    entry = model(weight_file(DATA[1:], Source(path=str(origin))))
    with pytest.raises(
        NoSourceError, match="it has 3,000,000 bytes there, the catalogue says 2,99"
    ):
        store.pull(entry)


def test_next_source_is_tried(store: Store, origin: Path, tmp_path: Path) -> None:
    sources = Source(path=str(tmp_path)), Source(path="~/nowhere"), Source(path=str(origin))
    entry = model(weight_file(DATA, *sources))
    heard = Heard()
    store.pull(entry, heard)
    assert store.present(entry)
    assert "Is a directory" in heard.notes[0]
    assert "~/nowhere: it cannot be read" in heard.notes[1]
