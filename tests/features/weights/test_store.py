import os
from pathlib import Path

import pytest

from stellwerk.base.model_entry import ModelEntry, Source
from stellwerk.features.weights.errors import (
    BusyError,
    DirectoryError,
    NotFetchedError,
    WrongHashError,
)
from stellwerk.features.weights.lock import held
from stellwerk.features.weights.store import Store
from tests.features.weights.pulls import Heard, model, sha256, weight_file

DATA = b"weights" * 1000
NOWHERE = Source(path="/nowhere/model.gguf")


@pytest.fixture
def entry(tmp_path: Path) -> ModelEntry:
    origin = tmp_path / "origin.gguf"
    origin.write_bytes(DATA)
    return model(weight_file(DATA, Source(path=str(origin))))


def put(store: Store, data: bytes, name: str = "model.gguf") -> Path:
    store.directory.mkdir(exist_ok=True)
    path = store.directory / name
    path.write_bytes(data)
    return path


def test_missing_then_present(store: Store, entry: ModelEntry) -> None:
    assert store.state(entry) == "missing"
    store.pull(entry)
    assert store.state(entry) == "present"
    assert (store.directory / "model.gguf.sha256").read_text() == f"{sha256(DATA)}  model.gguf\n"
    assert not (store.directory / "model.gguf.part").exists()


def test_model_without_files_is_present(store: Store) -> None:
    assert store.present(model())


def test_worst_file_counts(store: Store, entry: ModelEntry) -> None:
    other = weight_file(b"other", NOWHERE, name="other.gguf")
    both = model(*entry.files, other)
    store.pull(entry)
    assert store.state(both) == "missing"
    put(store, b"other", "other.gguf")
    assert store.state(both) == "unchecked"


def test_file_that_someone_put_there_is_only_checked(store: Store) -> None:
    entry = model(weight_file(DATA, NOWHERE))
    put(store, DATA)
    assert store.state(entry) == "unchecked"
    heard = Heard()
    store.pull(entry, heard)
    assert store.state(entry) == "present"
    assert heard.notes == ["model.gguf: checking the file that is here"]


def test_changed_file_does_not_count(store: Store, entry: ModelEntry) -> None:
    store.pull(entry)
    path = store.path(entry.files[0])
    path.unlink()
    path.write_bytes(DATA[::-1])
    assert store.state(entry) == "unchecked"
    with pytest.raises(WrongHashError, match=sha256(DATA[::-1])):
        store.pull(entry)
    assert path.read_bytes() == DATA[::-1]
    assert store.state(entry) == "unchecked"


def test_older_file_moved_over_it_does_not_count(store: Store, entry: ModelEntry) -> None:
    store.pull(entry)
    other = put(store, DATA[::-1], "other")
    os.utime(other, (1, 1))
    other.rename(store.path(entry.files[0]))
    assert store.state(entry) == "unchecked"


def test_other_entry_with_the_same_name_does_not_take_it_for_its_own(
    store: Store, entry: ModelEntry
) -> None:
    store.pull(entry)
    assert not store.present(model(weight_file(DATA[::-1], NOWHERE)))
    with pytest.raises(WrongHashError, match="correct size and sha256"):
        store.pull(model(weight_file(DATA[::-1], NOWHERE)))


def test_without_a_hash_the_first_one_counts(store: Store, entry: ModelEntry) -> None:
    loose = model(entry.files[0].model_copy(update={"sha256": None, "size": None}))
    store.pull(loose)
    assert store.present(loose)
    assert store.present(entry)


def test_directory_copied_with_its_times_counts(
    store: Store, entry: ModelEntry, tmp_path: Path
) -> None:
    store.pull(entry)
    copy = Store(tmp_path / "copy")
    copy.directory.mkdir()
    for path in store.directory.glob("model*"):
        (copy.directory / path.name).write_bytes(path.read_bytes())
        os.utime(copy.directory / path.name, (path.stat().st_atime, int(path.stat().st_mtime)))
    assert copy.present(entry)


def test_verify(store: Store, entry: ModelEntry) -> None:
    with pytest.raises(NotFetchedError, match="is not there"):
        store.verify(entry.files[0])
    store.pull(entry)
    store.verify(entry.files[0])
    path = store.path(entry.files[0])
    times = path.stat()
    path.unlink()
    path.write_bytes(DATA[::-1])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert store.present(entry)
    with pytest.raises(WrongHashError):
        store.verify(entry.files[0])
    assert not store.present(entry)


def test_holding(store: Store, entry: ModelEntry) -> None:
    assert store.holding(entry).on_disk == 0
    store.pull(entry)
    holding = store.holding(entry)
    assert (holding.model, holding.state) == ("model", "present")
    assert (holding.size, holding.on_disk) == (len(DATA), len(DATA))
    assert holding.paths == (store.directory / "model.gguf",)


def test_remove(store: Store, entry: ModelEntry) -> None:
    store.pull(entry)
    removal = store.remove(entry, [entry])
    assert (removal.removed, removal.freed, removal.kept) == (("model.gguf",), len(DATA), {})
    assert store.state(entry) == "missing"
    assert [path.name for path in store.directory.iterdir()] == [".model.gguf.lock"]


def test_remove_what_is_not_there(store: Store, entry: ModelEntry) -> None:
    assert store.remove(entry, [entry]).freed == 0


def test_remove_partial(store: Store, entry: ModelEntry) -> None:
    part = store.directory / "model.gguf.part"
    part.mkdir(parents=True)
    (part / "hub").write_bytes(b"x" * 10)
    assert store.state(entry) == "partial"
    assert store.holding(entry).on_disk == 10
    assert store.remove(entry, [entry]).freed == 10
    assert store.state(entry) == "missing"


def test_file_that_another_model_uses_is_kept(store: Store, entry: ModelEntry) -> None:
    other = ModelEntry(id="other", engine="llama", files=entry.files)
    store.pull(entry)
    removal = store.remove(entry, [entry, other])
    assert (removal.removed, removal.kept) == ((), {"model.gguf": ("other",)})
    assert store.present(other)


def test_file_is_not_removed_under_a_pull(store: Store, entry: ModelEntry) -> None:
    store.pull(entry)
    lock = store.directory / ".model.gguf.lock"
    with held(lock, lambda: None), pytest.raises(BusyError, match="is being fetched"):
        store.remove(entry, [entry])
    assert store.present(entry)


def test_directory_that_cannot_be(entry: ModelEntry, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DirectoryError, match="weights_dir"):
        Store(tmp_path / "file" / "weights").pull(entry)


def test_progress_may_end_the_pull(store: Store, entry: ModelEntry) -> None:
    class Impatient(Heard):
        def started(self, name: str, total: int | None, done: int) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.pull(entry, Impatient())
    store.pull(entry)
    assert store.present(entry)
