"""Looks at the machine and the settings, and says what to do."""

import platform
import shutil
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from stellwerk.base.errors import StellwerkError
from stellwerk.base.settings import Settings
from stellwerk.compose.database import dsn_of
from stellwerk.compose.models import declared_models, describer
from stellwerk.data.database import Database
from stellwerk.features.weights.disk import megabytes
from stellwerk.features.weights.store import Store
from stellwerk.migrations.standing import Standing, standing
from stellwerk.readers.office import program

Verdict = Literal["ok", "warning", "problem"]

LEAST_MEMORY = 2 * 10**9
LEAST_DISK = 3 * 10**9


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and what to do about it."""

    subject: str
    verdict: Verdict
    text: str
    advice: str | None = None


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything; nothing is changed."""
    return [
        processor(),
        memory(),
        disk(settings.data_dir),
        port(settings.host, settings.port),
        *weights(settings),
        office(settings.reading.office),
        await database(settings),
    ]


def processor() -> Finding:
    machine = platform.machine()
    if platform.system() != "Linux" or machine != "x86_64":
        return Finding(
            "processor",
            "problem",
            f"{platform.system()} on {machine}",
            "The local engines are built for Linux on x86-64; models of other servers still work.",
        )
    if "avx2" not in _flags():
        return Finding(
            "processor",
            "problem",
            "no AVX2",
            "The local engines need a processor with AVX2 (Intel since 2013, AMD since 2015). "
            "In a virtual machine, pass the host's processor model through.",
        )
    return Finding("processor", "ok", f"x86-64 with AVX2, {psutil.cpu_count(logical=False)} cores")


def _flags() -> set[str]:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("flags"):
            return set(line.split())
    return set()


def memory() -> Finding:
    free = psutil.virtual_memory().available
    if free < LEAST_MEMORY:
        advice = "The starter models need 2 GB. End other programs, or serve a smaller model."
        return Finding("memory", "warning", f"{megabytes(free)} available", advice)
    return Finding("memory", "ok", f"{megabytes(free)} available")


def disk(data_dir: Path) -> Finding:
    existing = next(path for path in (data_dir, *data_dir.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < LEAST_DISK:
        advice = "The starter models and the database need 3 GB; --data-dir names another place."
        return Finding("disk", "warning", f"{megabytes(free)} free for {data_dir}", advice)
    return Finding("disk", "ok", f"{megabytes(free)} free for {data_dir}")


def port(host: str, number: int) -> Finding:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
        except OSError as error:
            advice = "If that is not Stellwerk itself, choose another with --port."
            text = f"{host}:{number}: {error.strerror}"
            return Finding("port", "warning", text, advice)
    return Finding("port", "ok", f"{host}:{number} is free")


def weights(settings: Settings) -> Iterator[Finding]:
    """One finding for each model of the settings."""
    try:
        weights_of = describer(settings)
    except StellwerkError as error:
        yield Finding("models", "problem", error.message, "Correct the settings file.")
        return
    store = Store(settings.models_dir)
    for model in declared_models(settings):
        try:
            weights_of.check(model.entry)
        except StellwerkError as error:
            advice = "Correct the settings file."
            yield Finding(model.id, "problem", error.message, advice)
            continue
        if not model.entry.files:
            continue
        if not store.present(model.entry):
            advice = f"stellwerk models pull {model.id}"
            yield Finding(model.id, "warning", f"weights {store.state(model.entry)}", advice)
            continue
        described = weights_of.describe(model)
        size = megabytes(described.footprint)
        yield Finding(model.id, "ok", f"{described.context} tokens, about {size} of memory")


def office(told: str | None) -> Finding:
    found = program(told)
    if found is not None:
        return Finding("office", "ok", f"{found} draws the pages of DOCX and PPTX")
    without = "no LibreOffice: DOCX and PPTX are read, but their pages are not drawn"
    if told is not None:
        advice = "Correct `reading.office`, or leave it out." if told else None
        return Finding("office", "warning" if told else "ok", without, advice)
    advice = "apt-get install libreoffice-writer-nogui libreoffice-impress-nogui"
    return Finding("office", "ok", without, advice)


TABLES: dict[Standing, tuple[Verdict, str, str | None]] = {
    "current": ("ok", "", None),
    "empty": ("ok", ", still empty", "The first `stellwerk serve` makes the tables."),
    "behind": (
        "warning",
        ", of an earlier Stellwerk",
        "The next `stellwerk serve` brings the tables up to date; make a backup before.",
    ),
    "newer": (
        "problem",
        ", of a newer Stellwerk",
        "Install the version that was last used with it, or restore a backup made before.",
    ),
}


async def database(settings: Settings) -> Finding:
    kind = "database.url" if settings.database.url else "embedded PostgreSQL"
    if settings.database.url is None and not (settings.data_dir / "postgres").exists():
        return Finding("database", "ok", kind, "The first `stellwerk serve` makes it.")
    try:
        async with AsyncExitStack() as stack:
            dsn = await dsn_of(settings, stack, lambda _: None)
            opened = await stack.enter_async_context(Database(dsn, pool_size=1))
            verdict, state, advice = TABLES[await standing(opened)]
    except StellwerkError as error:
        return Finding("database", "problem", kind, error.message)
    return Finding("database", verdict, kind + state, advice)
