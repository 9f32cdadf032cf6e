import socket

import pytest

from stellwerk.base.model_entry import Source
from stellwerk.features.weights.store import Store
from tests.features.weights.pulls import model, noise, pulling, sha256, wait_until, weight_file
from tests.features.weights.server import Files

DATA = noise(400_000)
SOURCE = Source(hub="acme/Model-GGUF/sub/model.gguf")
ENTRY = model(weight_file(DATA, SOURCE))
ASKED = "/acme/Model-GGUF/resolve/main/sub/model.gguf"
STORED = "/storage/model"


@pytest.fixture
def hub(files: Files, monkeypatch: pytest.MonkeyPatch) -> Files:
    """A hub that keeps the file in large-file storage, under another host name."""
    files.content[STORED] = DATA
    files.redirects[ASKED] = files.url.replace("127.0.0.1", "localhost") + STORED
    files.headers[ASKED] = {
        "X-Linked-Etag": f'"{sha256(DATA)}"',
        "X-Linked-Size": str(len(DATA)),
        "X-Repo-Commit": "0" * 40,
    }
    monkeypatch.setenv("HF_ENDPOINT", files.url)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return files


def test_file_of_the_hub(store: Store, hub: Files) -> None:
    with pulling(ENTRY, store.directory) as child:
        assert child.result()[0] == 0
    assert store.path(ENTRY.files[0]).read_bytes() == DATA
    assert store.present(ENTRY)
    assert [asked.authorization for asked in hub.gets(STORED)] == [None]


def test_token_goes_to_the_hub_itself(store: Store, hub: Files) -> None:
    del hub.redirects[ASKED]
    hub.content[ASKED] = DATA
    with pulling(ENTRY, store.directory) as child:
        assert child.result()[0] == 0
    assert [asked.authorization for asked in hub.gets(ASKED)] == ["Bearer hf_secret"]


def test_killed_pull_goes_on_where_it_stopped(store: Store, hub: Files) -> None:
    hub.holds[STORED] = 100_000
    arriving = store.directory / "model.gguf.part" / "hub"
    with pulling(ENTRY, store.directory) as child:
        wait_until(lambda: arriving.exists() and arriving.stat().st_size == 100_000)
        child.kill()
    hub.release()
    with pulling(ENTRY, store.directory) as child:
        assert child.result()[0] == 0
    assert store.path(ENTRY.files[0]).read_bytes() == DATA
    assert [asked.range for asked in hub.gets(STORED)] == [None, "bytes=100000-"]


def test_partial_of_another_file_is_fetched_again(store: Store, hub: Files) -> None:
    part = store.directory / "model.gguf.part"
    part.mkdir(parents=True)
    (part / "hub").write_bytes(b"x" * 1000)
    with pulling(ENTRY, store.directory) as child:
        status, written = child.result()
    assert status == 0
    assert "once more" in written
    assert [asked.range for asked in hub.gets(STORED)] == ["bytes=1000-", None]


def test_other_file_is_not_even_fetched(store: Store, hub: Files) -> None:
    entry = model(weight_file(DATA[::-1], SOURCE))
    with pulling(entry, store.directory) as child:
        status, written = child.result()
    assert status == 1
    assert f"it has the SHA-256 {sha256(DATA)} there, not the catalogue's" in written
    assert hub.gets(STORED) == []


def test_without_a_hash_the_hub_s_counts(store: Store, hub: Files) -> None:
    entry = model(weight_file(DATA, SOURCE).model_copy(update={"sha256": None, "size": None}))
    hub.content[STORED] = DATA[::-1]
    with pulling(entry, store.directory) as child:
        status, written = child.result()
    assert status == 1
    assert f"what came has the SHA-256 {sha256(DATA[::-1])}, not {sha256(DATA)}" in written


def test_file_that_is_not_there(store: Store, hub: Files) -> None:
    del hub.redirects[ASKED]
    with pulling(ENTRY, store.directory) as child:
        status, written = child.result()
    assert status == 1
    assert "Hugging Face hub (acme/Model-GGUF/sub/model.gguf): the hub answers 404" in written


def test_every_source_is_named_when_none_gives_the_file(
    store: Store, index: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{gone.getsockname()[1]}")
    sources = (SOURCE, Source(wheels=("acme==1.0",), member="*"), Source(path="/nowhere/m.gguf"))
    with pulling(model(weight_file(DATA, *sources)), store.directory) as child:
        status, written = child.result()
    assert status == 1
    assert store.state(ENTRY) == "missing"
    told = written[written.index("No source gave model.gguf:") :]
    assert "Hugging Face hub (acme/Model-GGUF/sub/model.gguf): the hub cannot be reached" in told
    assert "package acme==1.0: pip install failed: " in told
    assert "/nowhere/m.gguf: it cannot be read (No such file or directory)" in told
    assert f"put the file into {store.directory}" in told
