import socket
from pathlib import Path

import pytest

from stellwerk.features.weights import pip
from stellwerk.features.weights.errors import SourceError
from tests.features.weights.pulls import noise, sha256
from tests.features.weights.server import Files


def test_wheels_in_the_order_of_the_pins(index: Files) -> None:
    second, first = index.add_wheel("Acme.B", {"b": b"b"}), index.add_wheel("acme-a", {"a": b"a"})
    found = pip.find(("acme-a==1.0", "acme_b==1.0"))
    assert [wheel.url for wheel in found] == [index.url + first, index.url + second]
    assert found[0].sha256 == sha256(index.content[first])
    assert found[0].name == "acme_a-1.0-py3-none-any.whl"
    assert index.gets(first) == []


def test_index_without_metadata_is_not_asked_for_whole_wheels(index: Files) -> None:
    data = noise(2_000_000)
    path = index.add_wheel("acme-a", {"a": data}, with_metadata=False)
    assert pip.find(("acme-a==1.0",))[0].sha256 == sha256(index.content[path])
    assert 0 < sum(asked.sent for asked in index.gets(path)) < 100_000


def test_package_that_is_not_there(index: Files) -> None:
    with pytest.raises(SourceError, match="No matching distribution found for nowhere"):
        pip.find(("nowhere==1.0",))


def test_index_that_cannot_be_reached(index: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{gone.getsockname()[1]}/simple/")
    with pytest.raises(SourceError, match="an index cannot be reached"):
        pip.find(("acme-a==1.0",))


def test_nothing_is_built(index: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sourceonly-1.0.tar.gz").write_bytes(b"whatever setup.py it has would be run")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(SourceError, match="No matching distribution"):
        pip.find(("sourceonly==1.0",))


def test_the_directory_that_pip_runs_in_is_not_trusted(
    index: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.py").write_text("raise SystemExit('not pip')")
    monkeypatch.chdir(tmp_path)
    index.add_wheel("acme-a", {"a": b"a"})
    assert len(pip.find(("acme-a==1.0",))) == 1
