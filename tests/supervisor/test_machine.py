from pathlib import Path

import psutil

from stellwerk.supervisor.machine import cgroup_limits, cores, default_budget, memory


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_this_machine() -> None:
    assert 0 < default_budget() < memory() <= psutil.virtual_memory().total
    assert 1 <= cores() <= (psutil.cpu_count() or 1)


def test_limits_of_our_group_and_all_above(tmp_path: Path) -> None:
    write(tmp_path / "self", "0::/pod/box\n")
    write(tmp_path / "fs/pod/box/memory.max", "max\n")
    write(tmp_path / "fs/pod/memory.max", "4096\n")
    write(tmp_path / "fs/memory.max", "8192\n")
    write(tmp_path / "fs/other/memory.max", "1\n")
    assert cgroup_limits(tmp_path / "fs", tmp_path / "self") == [4096, 8192]


def test_limit_of_version_1(tmp_path: Path) -> None:
    write(tmp_path / "self", "5:memory:/box\n")
    write(tmp_path / "fs/memory/memory.limit_in_bytes", "4096\n")
    assert cgroup_limits(tmp_path / "fs", tmp_path / "self") == [4096]


def test_no_control_groups(tmp_path: Path) -> None:
    assert cgroup_limits(tmp_path / "none", tmp_path / "nobody") == []
