import socket
from pathlib import Path

import pytest

from stellwerk.features.weights.errors import SourceError, UnreachableError
from stellwerk.features.weights.transfer import Remote, download, size_of
from tests.features.weights.conftest import PATIENCE
from tests.features.weights.pulls import Heard, noise
from tests.features.weights.server import Files

DATA = noise(300_000)
HALF = 150_000


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "arriving"


@pytest.fixture
def remote(files: Files) -> Remote:
    files.content["/model"] = DATA
    return Remote(f"{files.url}/model")


def test_whole_file(files: Files, remote: Remote, into: Path) -> None:
    heard = Heard()
    download(remote, into, heard, PATIENCE)
    assert into.read_bytes() == DATA
    assert heard.bytes == len(DATA)
    assert [asked.range for asked in files.gets("/model")] == [None]


def test_goes_on_from_what_is_here(files: Files, remote: Remote, into: Path) -> None:
    into.write_bytes(DATA[:HALF])
    heard = Heard()
    download(remote, into, heard, PATIENCE)
    assert into.read_bytes() == DATA
    assert heard.bytes == len(DATA) - HALF
    assert [(a.range, a.sent) for a in files.gets("/model")] == [
        (f"bytes={HALF}-", len(DATA) - HALF)
    ]


def test_nothing_more_to_come(files: Files, remote: Remote, into: Path) -> None:
    into.write_bytes(DATA)
    download(remote, into, Heard(), PATIENCE)
    assert into.read_bytes() == DATA
    assert sum(asked.sent for asked in files.gets("/model")) == 0


def test_longer_than_the_file(remote: Remote, into: Path) -> None:
    into.write_bytes(DATA + b"more")
    heard = Heard()
    download(remote, into, heard, PATIENCE)
    assert into.read_bytes() == DATA
    assert heard.bytes == -len(b"more")


def test_server_without_ranges_begins_anew(files: Files, remote: Remote, into: Path) -> None:
    files.without_range.add("/model")
    into.write_bytes(b"x" * HALF)
    heard = Heard()
    download(remote, into, heard, PATIENCE)
    assert into.read_bytes() == DATA
    assert heard.bytes == len(DATA) - HALF


def test_cut_connections_are_taken_up_again(files: Files, remote: Remote, into: Path) -> None:
    files.cuts["/model"] = [100_000, 50_000, 20_000, 20_000]
    heard = Heard()
    download(remote, into, heard, PATIENCE)
    assert into.read_bytes() == DATA
    assert sum(asked.sent for asked in files.gets("/model")) == len(DATA)
    assert len(heard.notes) == 4


def test_gives_up_when_no_byte_comes(files: Files, remote: Remote, into: Path) -> None:
    files.cuts["/model"] = [100_000, 0, 0, 0]
    with pytest.raises(SourceError, match=r"the connection ended, 0\.200 MB are missing"):
        download(remote, into, Heard(), PATIENCE)
    assert into.read_bytes() == DATA[:100_000]
    assert len(files.gets("/model")) == 1 + len(PATIENCE.pauses)


def test_busy_server_is_asked_again(files: Files, remote: Remote, into: Path) -> None:
    files.statuses["/model"] = [503, 429]
    download(remote, into, Heard(), PATIENCE)
    assert into.read_bytes() == DATA


@pytest.mark.parametrize("status", [400, 404, 410])
def test_no_is_no(files: Files, remote: Remote, into: Path, status: int) -> None:
    files.statuses["/model"] = [status]
    with pytest.raises(SourceError, match=f"the server answers {status}"):
        download(remote, into, Heard(), PATIENCE)
    assert len(files.asked) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_not_let_in(files: Files, remote: Remote, into: Path, status: int) -> None:
    files.statuses["/model"] = [status]
    with pytest.raises(UnreachableError, match=str(status)):
        download(remote, into, Heard(), PATIENCE)


def test_nobody_there(into: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    heard = Heard()
    with pytest.raises(UnreachableError, match="cannot be reached"):
        download(Remote(f"http://127.0.0.1:{port}/x"), into, heard, PATIENCE)
    assert heard.notes == []


def test_only_http(tmp_path: Path, into: Path) -> None:
    with pytest.raises(SourceError, match="neither http nor https"):
        download(Remote(tmp_path.as_uri()), into, Heard(), PATIENCE)


def test_secrets_stay_with_their_server(files: Files, remote: Remote, into: Path) -> None:
    files.redirects["/here"] = remote.url.replace("127.0.0.1", "localhost")
    secrets = {"Authorization": "Bearer secret"}
    download(Remote(f"{files.url}/here", secrets), into, Heard(), PATIENCE)
    assert into.read_bytes() == DATA
    assert [(asked.path, asked.authorization) for asked in files.asked] == [
        ("/here", "Bearer secret"),
        ("/model", None),
    ]


def test_size(files: Files, remote: Remote) -> None:
    assert size_of(remote, PATIENCE) == len(DATA)
    assert [asked.method for asked in files.asked] == ["HEAD"]
    with pytest.raises(SourceError, match="404"):
        size_of(Remote(f"{files.url}/nothing"), PATIENCE)
