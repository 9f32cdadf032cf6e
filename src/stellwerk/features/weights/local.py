"""Source `path`: a file that is on this machine already."""

import os
from pathlib import Path

from stellwerk.base.model_entry import Source
from stellwerk.features.weights.disk import duplicate
from stellwerk.features.weights.errors import SourceError
from stellwerk.features.weights.job import Arrived, Job


def fetch(source: Source, job: Job) -> Arrived:
    """Raises `SourceError`."""
    origin = Path(source.path or "").expanduser()
    size = _size(origin)
    job.check_announced(size, None)
    # A name of its own: it may be a hard link, so nobody may ever append to it.
    into = job.part / "copy"
    job.progress.started(job.file.name, size, 0)
    duplicate(origin.resolve(), into, job.progress.advanced)
    job.progress.finished()
    return Arrived(into)


def _size(origin: Path) -> int:
    try:
        with origin.open("rb") as file:
            return os.fstat(file.fileno()).st_size
    except OSError as error:
        raise SourceError(f"it cannot be read ({error.strerror})") from error
