import os
from pathlib import Path

import psutil
import pytest

from stellwerk.ports.engines import Launch
from stellwerk.supervisor.footprints import Footprints, resident

LAUNCH = Launch("a", "e5")


def test_a_size_is_remembered(tmp_path: Path) -> None:
    file = tmp_path / "footprints.json"
    Footprints(file).note(LAUNCH, 1000)
    assert Footprints(file).get(LAUNCH) == 1000
    assert Footprints(file).get(Launch("a", "e5", options={"n_ctx": 1})) is None


def test_the_largest_size_counts(tmp_path: Path) -> None:
    footprints = Footprints(tmp_path / "footprints.json")
    for size in (1000, 3000, 2000):
        footprints.note(LAUNCH, size)
    assert footprints.get(LAUNCH) == 3000


def test_a_little_growth_writes_no_file(tmp_path: Path) -> None:
    file = tmp_path / "footprints.json"
    footprints = Footprints(file)
    footprints.note(LAUNCH, 1000)
    file.unlink()
    footprints.note(LAUNCH, 1010)
    assert not file.exists()
    footprints.note(LAUNCH, 1100)
    assert file.exists()


@pytest.mark.parametrize("content", ["{", "[]", '{"a": "b"}', '{"a": -1.5}'])
def test_a_broken_file_is_measured_anew(tmp_path: Path, content: str) -> None:
    file = tmp_path / "footprints.json"
    file.write_text(content)
    footprints = Footprints(file)
    assert footprints.get(LAUNCH) is None
    footprints.note(LAUNCH, 1000)
    assert Footprints(file).get(LAUNCH) == 1000


def test_memory_of_a_process() -> None:
    size = resident(os.getpid())
    assert size
    assert size == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)


def test_a_process_that_is_gone_has_none() -> None:
    assert resident(2**22 + 1) is None


def test_a_place_that_cannot_be_written_is_no_obstacle(tmp_path: Path) -> None:
    footprints = Footprints(tmp_path / "none" / "footprints.json")
    footprints.note(LAUNCH, 1000)
    assert footprints.get(LAUNCH) == 1000
