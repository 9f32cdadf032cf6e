"""Pages of office documents as LibreOffice draws them, where it is installed.

It runs with a profile of its own, without macros, links that are followed, or a way to the network
(a proxy that nobody serves), and with limits of time, memory and written bytes.
"""

import asyncio
import os
import resource
import shutil
import signal
from pathlib import Path

from stellwerk.base.log import get_logger
from stellwerk.readers.kinds import Kind

log = get_logger("readers")

PROGRAMS = ("soffice", "libreoffice")
# What it tells a file's kind by.
SUFFIXES: dict[Kind, str] = {"word": ".docx", "slides": ".pptx"}
PROFILE = "profile"
MEMORY, WRITTEN = 8 * 2**30, 2**30
NOBODY = "127.0.0.1", 9
PROXY = f"http://{NOBODY[0]}:{NOBODY[1]}"

SETTINGS = {
    "Office.Common/Security/Scripting": {
        "MacroSecurityLevel": "3",
        "DisableMacrosExecution": "true",
        "BlockUntrustedRefererLinks": "true",
    },
    "Office.Writer/Content/Update": {"Link": "2"},
    "Inet/Settings": {
        "ooInetProxyType": "2",
        "ooInetHTTPProxyName": NOBODY[0],
        "ooInetHTTPProxyPort": str(NOBODY[1]),
        "ooInetHTTPSProxyName": NOBODY[0],
        "ooInetHTTPSProxyPort": str(NOBODY[1]),
    },
}


def program(told: str | None) -> Path | None:
    """LibreOffice: the one that is named, else one that is found. An empty name: none."""
    names = PROGRAMS if told is None else (told,)
    found = (shutil.which(Path(name).expanduser()) for name in names if name)
    return next((Path(path) for path in found if path), None)


class Office:
    """Draws documents. `seconds` is what one may take."""

    def __init__(self, path: Path, seconds: float) -> None:
        self._program = path
        self._seconds = seconds

    async def drawing(self, path: Path, kind: Kind, place: Path) -> Path | None:
        """The document as PDF, in the empty directory `place`; None when it cannot be drawn."""
        document = _prepared(path, kind, place)
        await self._run(document, place)
        drawn = document.with_suffix(".pdf")
        if not drawn.exists():
            log.warning("LibreOffice did not draw a document", kind=kind)
            return None
        return drawn

    async def _run(self, document: Path, place: Path) -> None:
        process = await asyncio.create_subprocess_exec(
            self._program,
            f"-env:UserInstallation={(place / PROFILE).as_uri()}",
            *("--headless", "--norestore", "--nologo", "--nodefault", "--nolockcheck"),
            *("--convert-to", "pdf", "--outdir", place, document),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(place),
            # It starts others, which must end with it.
            start_new_session=True,
        )
        try:
            _limit(process.pid)
            async with asyncio.timeout(self._seconds):
                await process.wait()
        except TimeoutError:
            log.warning("LibreOffice takes too long", seconds=self._seconds)
        finally:
            _end(process.pid)
            await process.wait()


def _prepared(path: Path, kind: Kind, place: Path) -> Path:
    """The document under a name that tells its kind, and a profile beside it."""
    document = place / f"document{SUFFIXES[kind]}"
    document.symlink_to(path.absolute())
    user = place / PROFILE / "user"
    user.mkdir(parents=True)
    (user / "registrymodifications.xcu").write_text(_settings(), "utf-8")
    return document


def _limit(pid: int) -> None:
    """What it starts from now on has the same limits."""
    for kind, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_FSIZE, WRITTEN)):
        try:
            resource.prlimit(pid, kind, (most, most))
        except ProcessLookupError:
            return


def _end(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _environment(home: Path) -> dict[str, str]:
    return {
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "SAL_USE_VCLPLUGIN": "svp",
        **dict.fromkeys(("http_proxy", "https_proxy", "ftp_proxy", "all_proxy"), PROXY),
    }


def _settings() -> str:
    items = [
        f'<item oor:path="/org.openoffice.{path}"><prop oor:name="{name}" oor:op="fuse">'
        f"<value>{value}</value></prop></item>"
        for path, values in SETTINGS.items()
        for name, value in values.items()
    ]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<oor:items xmlns:oor="http://openoffice.org/2001/registry" '
        'xmlns:xs="http://www.w3.org/2001/XMLSchema" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">' + "".join(items) + "</oor:items>"
    )
