"""The directory of all that Stellwerk keeps."""

from pathlib import Path

from stellwerk.base.errors import StellwerkError


class DataDirError(StellwerkError):
    """The data directory is none, or is not ours to write to."""

    code = "data_dir_unusable"

    def __init__(self, directory: Path, error: OSError) -> None:
        barred = isinstance(error, FileExistsError | NotADirectoryError)
        reason = "a file is in its place" if barred else error.strerror
        super().__init__(
            f"`data_dir`: {directory} cannot be used: {reason}. "
            "Name a directory that this account may write to, such as with --data-dir."
        )


def make(directory: Path) -> None:
    """Make the data directory if need be. Raises `DataDirError`."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataDirError(directory, error) from error
