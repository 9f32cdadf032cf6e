"""The log file, and what it tells of a recovery."""

import os
from pathlib import Path

import pytest

from stellwerk.supervisor.postgres_log import LARGEST, PostgresLog, Progress

LINE = "2030-01-01 10:00:00.123 UTC [77] "


@pytest.fixture
def log(tmp_path: Path) -> PostgresLog:
    return PostgresLog(tmp_path / "postgres.log")


def write(log: PostgresLog, text: str) -> None:
    with log.path.open("a") as file:
        file.write(text)


def test_news_are_whole_lines_since_it_was_opened(log: PostgresLog) -> None:
    write(log, "old\n")
    os.close(log.open())
    assert log.news() == []
    write(log, "one\ntwo\nthr")
    assert log.news() == ["one", "two"]
    write(log, "ee\n")
    assert log.news() == ["three"]


def test_the_reason_is_the_last_that_was_said(log: PostgresLog) -> None:
    write(log, f"{LINE}FATAL:  of another time\n")
    os.close(log.open())
    assert log.reason() == "it wrote nothing"
    write(log, f'{LINE}LOG:  invalid value for "x"\n{LINE}FATAL:  the file contains errors\n')
    assert log.reason() == 'invalid value for "x"; the file contains errors'


def test_it_stays_small_while_it_is_written_to(log: PostgresLog) -> None:
    descriptor = log.open()
    for number in range(3):
        os.write(descriptor, b"%d" % number * (LARGEST + 1))
        log.trim()
    os.write(descriptor, b"after\n")
    os.close(descriptor)
    assert log.path.read_text() == "after\n"
    assert log.path.with_name("postgres.log.1").read_text() == "2" * LARGEST
    assert len(list(log.path.parent.iterdir())) == 2


def test_a_link_in_its_place_is_not_followed(log: PostgresLog, tmp_path: Path) -> None:
    log.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        log.open()


def test_a_recovery_is_told_once_a_second_at_most() -> None:
    said: list[str] = []
    progress = Progress(said.append)
    redo = "redo in progress, elapsed time: 10.00 s, current LSN: 0/1A2B3C"
    progress.note([f"{LINE}LOG:  starting PostgreSQL 18.4"])
    assert said == []
    progress.note([f"{LINE}LOG:  redo starts at 0/1", f"{LINE}LOG:  {redo}"])
    progress.note([f"{LINE}LOG:  {redo}"])
    assert said == [f"PostgreSQL recovers: {redo}"]
