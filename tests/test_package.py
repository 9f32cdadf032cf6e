"""The wheel holds all that is needed to serve outside the checkout."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*command: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.long
def test_the_wheel_works_outside_the_checkout(data_dir: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), cwd=ROOT)
    [wheel] = tmp_path.glob("stellwerk-*.whl")
    home = tmp_path / "venv"
    venv.create(home)
    python = str(home / "bin" / "python")
    install = ("-m", "pip", "--python", python, "install", "--no-deps", "--quiet", str(wheel))
    run(sys.executable, *install, cwd=tmp_path)
    # The dependencies are those of this environment; the package itself is the wheel's.
    [site] = home.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = run(python, "-c", "import stellwerk; print(stellwerk.__file__)", cwd=tmp_path)
    assert where.startswith(str(site))

    command = str(home / "bin" / "stellwerk")
    environment = {"STELLWERK_DATA_DIR": str(data_dir)}
    listed = run(command, "models", "list", cwd=tmp_path, **environment)
    assert "multilingual-e5-small" in listed
    key = run(command, "keys", "create", "app", cwd=tmp_path, **environment)
    assert key.startswith("stw-")
