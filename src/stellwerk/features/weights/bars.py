"""Progress as bars on a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


class Bars:
    """A bar for each file, and notes above them."""

    def __init__(self, display: Progress) -> None:
        self._display = display
        self._task: TaskID | None = None
        self._waits = ""

    def started(self, name: str, total: int | None, done: int) -> None:
        self._task = self._display.add_task(escape(name), total=total, completed=done)

    def advanced(self, count: int) -> None:
        if self._task is not None:
            self._display.update(self._task, advance=count)

    def finished(self) -> None:
        if self._task is not None:
            self._display.stop_task(self._task)
        self._task = None

    def waiting(self, name: str) -> None:
        if self._waits != name:
            self._waits = name
            self.note(f"{name}: another process fetches it; waiting")

    def note(self, text: str) -> None:
        self._display.console.print(text, markup=False, highlight=False)


@contextmanager
def bars(stream: TextIO) -> Iterator[Bars]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=stream)) as display:
        yield Bars(display)
