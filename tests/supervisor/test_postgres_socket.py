"""The directory of the socket: short, and private."""

import os
from pathlib import Path

import pytest

from stellwerk.supervisor.postgres_errors import PostgresError
from stellwerk.supervisor.postgres_socket import LONGEST, SOCKET, prepare, socket_directory


def test_it_is_in_the_data_directory_while_the_name_fits() -> None:
    for length in range(1, 120):
        data_dir = Path("/") / ("d" * length)
        place = socket_directory(data_dir)
        inside = len(str(data_dir / "postgres-run" / SOCKET)) <= LONGEST
        assert place.is_relative_to(data_dir) == inside
        assert len(str(place / SOCKET)) <= LONGEST


def test_a_long_name_for_temporary_files_does_not_matter(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(data_dir / ("t" * 100)))
    assert socket_directory(Path("/") / ("d" * 120)).parent == Path("/tmp")


def test_a_directory_that_is_given_and_too_long(data_dir: Path) -> None:
    with pytest.raises(PostgresError, match="too long for a Unix socket"):
        prepare(data_dir / ("d" * 100), None)


def test_it_is_made_for_one_account(data_dir: Path) -> None:
    for _ in range(2):
        prepare(data_dir / "run", None)
        assert (data_dir / "run").stat().st_mode & 0o777 == 0o700


def test_one_that_others_may_write_to_is_refused(data_dir: Path) -> None:
    (data_dir / "run").mkdir()
    (data_dir / "run").chmod(0o777)
    with pytest.raises(PostgresError, match="one account alone"):
        prepare(data_dir / "run", None)


def test_a_link_is_refused(data_dir: Path) -> None:
    (data_dir / "elsewhere").mkdir(mode=0o700)
    (data_dir / "run").symlink_to(data_dir / "elsewhere")
    with pytest.raises(PostgresError, match="one account alone"):
        prepare(data_dir / "run", None)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_one_that_a_stranger_made_is_refused(data_dir: Path) -> None:
    (data_dir / "run").mkdir(mode=0o700)
    os.chown(data_dir / "run", 12345, 12345)
    with pytest.raises(PostgresError, match="belongs to user 12345"):
        prepare(data_dir / "run", None)
