"""The weights directory: which models it holds, and how they get in and out."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stellwerk.base.model_entry import ModelEntry, WeightFile
from stellwerk.features.weights.errors import BusyError, NotFetchedError
from stellwerk.features.weights.fetch import check, fetch
from stellwerk.features.weights.lock import held
from stellwerk.features.weights.place import Place, State
from stellwerk.features.weights.progress import Progress, Silent
from stellwerk.features.weights.transfer import Patience

WORST_FIRST = (State.MISSING, State.PARTIAL, State.UNCHECKED, State.PRESENT)


@dataclass(frozen=True, slots=True)
class Holding:
    """What the directory holds of a model. Sizes in bytes; None where nobody said."""

    model: str
    state: State
    size: int | None
    on_disk: int
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Removal:
    """What was removed, the bytes that this freed, and files kept for the models named."""

    removed: tuple[str, ...]
    freed: int
    kept: dict[str, tuple[str, ...]]


class Store:
    """One copy of every model file, checked by SHA-256 before it can be used.

    Methods block; call `pull`, `verify` and `remove` in a thread. Any number of processes may
    share the directory.
    """

    def __init__(self, directory: Path, patience: Patience = Patience()) -> None:  # noqa: B008
        self.directory = directory
        self._patience = patience

    def path(self, file: WeightFile) -> Path:
        return self.directory / file.name

    def state(self, entry: ModelEntry) -> State:
        """The state of the model's worst file, by names, sizes and times. No file is read."""
        states = {self._place(file).state() for file in entry.files}
        return next((state for state in WORST_FIRST if state in states), State.PRESENT)

    def present(self, entry: ModelEntry) -> bool:
        """Whether every file of the model is here and was checked."""
        return self.state(entry) is State.PRESENT

    def holding(self, entry: ModelEntry) -> Holding:
        sizes = [file.size for file in entry.files]
        places = [self._place(file) for file in entry.files]
        return Holding(
            entry.id,
            self.state(entry),
            None if None in sizes else sum(filter(None, sizes)),
            sum(place.bytes_here() for place in places),
            tuple(place.final for place in places),
        )

    def verify(self, file: WeightFile) -> None:
        """Read the whole file and compare. Raises `NotFetchedError`, `WrongHashError`."""
        place = self._place(file)
        if not place.final.is_file():
            raise NotFetchedError(f"{place.final} is not there. Pull its model first.")
        check(place)

    def pull(self, entry: ModelEntry, progress: Progress = Silent()) -> None:  # noqa: B008
        """Fetch and check what is missing of the model. Raises `WeightsError`."""
        for file in entry.files:
            fetch(self._place(file), progress, self._patience)

    def remove(self, entry: ModelEntry, catalogue: Iterable[ModelEntry]) -> Removal:
        """Remove the model's files, but none that another model of `catalogue` uses.

        Raises `BusyError` while one of them is being fetched.
        """
        users: dict[str, list[str]] = {}
        for other in catalogue:
            for file in other.files if other.id != entry.id else ():
                users.setdefault(file.name, []).append(other.id)
        gone = [self._place(file) for file in entry.files if file.name not in users]
        freed = sum(self._clear(place) for place in gone)
        kept = {f.name: tuple(users[f.name]) for f in entry.files if f.name in users}
        return Removal(tuple(place.file.name for place in gone), freed, kept)

    def _clear(self, place: Place) -> int:
        if not self.directory.is_dir():
            return 0

        def refuse() -> None:
            raise BusyError(f"{place.file.name} is being fetched; stop the pull first.")

        with held(place.lock, refuse):
            freed = place.bytes_here()
            place.clear()
        return freed

    def _place(self, file: WeightFile) -> Place:
        return Place(self.directory, file)
