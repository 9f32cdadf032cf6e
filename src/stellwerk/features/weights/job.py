"""What a source is asked for, and what it gives."""

from dataclasses import dataclass
from pathlib import Path

from stellwerk.base.model_entry import WeightFile
from stellwerk.features.weights.errors import SourceError
from stellwerk.features.weights.progress import Progress
from stellwerk.features.weights.transfer import Patience


@dataclass(frozen=True, slots=True)
class Job:
    """Fetch `file`; everything on the way lies in the directory `part`."""

    file: WeightFile
    part: Path
    progress: Progress
    patience: Patience

    def check_announced(self, size: int | None, sha256: str | None) -> None:
        """Spare a long transfer of what is not the file. Raises `SourceError`."""
        if size and self.file.size and size != self.file.size:
            raise SourceError(f"it has {size:,} bytes there, the catalogue says {self.file.size:,}")
        if sha256 and self.file.sha256 and sha256 != self.file.sha256:
            raise SourceError(f"it has the SHA-256 {sha256} there, not the catalogue's")


@dataclass(frozen=True, slots=True)
class Arrived:
    """A whole file, not yet checked, and the SHA-256 that its source states.

    `resumed`: a part of it was here before; when its hash is wrong it is worth a second try.
    """

    path: Path
    sha256: str | None = None
    resumed: bool = False
