"""Models that are a directory, as `save_pretrained` of Hugging Face's libraries writes it."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from stellwerk.base.errors import InvalidRequestError, Kind


class NoDirectoryError(InvalidRequestError):
    """The model's files are not on this machine.

    Wrong in an entry that somebody sends, and no fault of who asks the model later.
    """

    kind = Kind.UNAVAILABLE
    code = "weights_missing"


def files_of(
    engine: str, files: Iterable[str], directory: str | None, index: str
) -> Mapping[str, Path]:
    """Path in the model's directory -> file: of a directory, or of the files of an entry.

    The names of an entry's files have `+` where the path in the directory has `/`, behind a word
    that is left out. Raises `NoDirectoryError` when there is no `index`.
    """
    if directory is not None:
        root = Path(directory).expanduser()
        found = {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}
        place = f"the directory {root}"
    else:
        named = ((Path(file).name.partition("+")[2], Path(file)) for file in files)
        found = {name.replace("+", "/"): path for name, path in named if name}
        place = "the files of the entry"
    if index not in found:
        raise NoDirectoryError(
            f"The engine {engine} needs the directory of a model; {place}: there is no {index}. "
            f"Name one as `path` in the options, or files such as NAME+{index}."
        )
    return found


def linked(files: Mapping[str, Path], directory: Path) -> None:
    """Make the directory what the files say, by links."""
    for name, path in files.items():
        place = directory / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(path.resolve())
