import fcntl
import os
import subprocess
import sys
from pathlib import Path
from threading import Timer

import pytest

from stellwerk.supervisor.data_directory import DataDirError
from stellwerk.supervisor.lock import FILE, HeldError, holder, serve_lock

HOLD = """
import sys, time
from pathlib import Path
from stellwerk.supervisor.lock import serve_lock

with serve_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_second_is_told_who_holds_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(HeldError) as caught, serve_lock(tmp_path):
            raise AssertionError("it is held")
        assert caught.value.holder
        assert caught.value.holder.pid == first.pid
        assert f"process {first.pid} since" in caught.value.message
        assert f"{sys.executable} -c" in caught.value.message
        assert holder(tmp_path) == caught.value.holder
        first.kill()
    # What it wrote is still there, but does not count.
    assert str(first.pid) in (tmp_path / FILE).read_text()
    assert holder(tmp_path) is None
    with serve_lock(tmp_path):
        assert str(os.getpid()) in (tmp_path / FILE).read_text()
    assert (tmp_path / FILE).read_text() == ""


def test_the_directory_is_made(tmp_path: Path) -> None:
    assert holder(tmp_path / "new" / "data") is None
    with serve_lock(tmp_path / "new" / "data"):
        assert (tmp_path / "new" / "data" / FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("below", ["file", "file/data", f"data/{FILE}/.."])
def test_what_cannot_be_a_data_directory_is_named(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "data" / FILE).mkdir(parents=True)
    with (
        pytest.raises(DataDirError, match=f"{below} cannot be used: .*--data-dir"),
        serve_lock(tmp_path / below),
    ):
        raise AssertionError("it is no directory")


def test_who_looks_for_the_holder_bars_nobody(tmp_path: Path) -> None:
    (tmp_path / FILE).touch()
    with (tmp_path / FILE).open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert holder(tmp_path) is None
        Timer(0.05, fcntl.flock, (file, fcntl.LOCK_UN)).start()
        with serve_lock(tmp_path):
            assert holder(tmp_path)


def test_a_broken_file_of_the_holder_is_no_obstacle(tmp_path: Path) -> None:
    with serve_lock(tmp_path):
        (tmp_path / FILE).write_text("{")
        with (
            pytest.raises(HeldError, match="did not leave its number"),
            serve_lock(tmp_path),
        ):
            raise AssertionError("it is held")
