import os
from pathlib import Path

import pytest

from stellwerk.supervisor.run_directory import LONGEST, RunDirectoryError, place, run_directory


def test_it_is_private_and_gone_at_the_end(tmp_path: Path) -> None:
    with run_directory(tmp_path) as directory:
        assert directory.stat().st_mode & 0o777 == 0o700
        (directory / "engine.sock").touch()
    assert not directory.exists()


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    left = place(tmp_path)
    left.mkdir(parents=True)
    (left / "engine.sock").touch()
    with run_directory(tmp_path) as directory:
        assert directory == left
        assert list(directory.iterdir()) == []


def test_a_long_name_is_replaced_by_a_short_one(tmp_path: Path) -> None:
    data_dir = tmp_path / ("long" * 30)
    assert len(os.fsencode(place(data_dir))) <= LONGEST
    assert place(data_dir) == place(data_dir)
    assert place(data_dir) != place(tmp_path / ("more" * 30))
    with run_directory(data_dir) as directory:
        assert directory.is_dir()


def test_what_is_no_directory_of_ours_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.mkdir()
    (target / "file").touch()
    place(tmp_path).symlink_to(target)
    with pytest.raises(RunDirectoryError, match="is not a directory of this user"):
        run_directory(tmp_path).__enter__()
    assert (target / "file").exists()
