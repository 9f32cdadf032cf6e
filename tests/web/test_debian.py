"""Real collections: documentation packages of Debian, as they come."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.conftest import LARGEST_FILE, Web
from tests.web.test_vector_stores import make, put, search, upload, work

PACKAGES = (
    *("debian-policy", "developers-reference", "debian-reference-en", "debian-faq"),
    *("harden-doc", "git-doc", "apache2-doc", "postgresql-doc-15"),
)
CACHE = Path("~/.cache/stellwerk/debian-docs").expanduser()
# Pictures would want an OCR that knows more than colours.
KINDS = {".html", ".htm", ".pdf", ".txt", ".md"}
PAGES, TOGETHER = 2000, 25
EXPLAINED = ("invalid_file", "unsupported_file")


def unpacked(package: str) -> Path:
    """The package's files, fetched once."""
    place = CACHE / package
    if not place.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", package], cwd=CACHE, check=True)
        [archive] = CACHE.glob(f"{package}_*.deb")
        subprocess.run(["dpkg-deb", "-x", archive, f"{place}.half"], check=True)
        Path(f"{place}.half").rename(place)
    return place


def collection() -> Iterator[Path]:
    """The documents, a package after the other. What links name is there once."""
    for package in PACKAGES:
        for path in sorted(unpacked(package).rglob("*")):
            if path.is_file() and not path.is_symlink() and path.suffix in KINDS:
                yield path


def fetched() -> list[Path]:
    if shutil.which("apt-get") is None:
        pytest.skip("no apt-get here")
    try:
        return list(collection())
    except subprocess.CalledProcessError as error:
        pytest.skip(f"Debian's packages cannot be fetched: {error}")


async def ingested(web: Web, store: str, paths: list[Path]) -> tuple[int, list[str]]:
    """Pages that can be found, and what was said of the files that failed."""
    names = {}
    for path in paths:
        data = path.read_bytes()
        if 0 < len(data) <= LARGEST_FILE:
            names[await upload(web, path.name, data)] = path
    for file in names:
        await put(web, store, file)
    # None is ever told to have ended, so all of them count as running.
    await work(web, 2 * PAGES)
    pages, failed = 0, []
    for file, path in names.items():
        place = f"/v1/vector_stores/{store}/files/{file}"
        shown = (await web.client.get(place)).json()
        pages += shown["pages_done"] if shown["status"] == "completed" else 0
        if shown["status"] != "completed":
            assert shown["last_error"]["code"] in EXPLAINED, (path, shown)
            failed.append(f"{path.relative_to(CACHE)}: {shown['last_error']['message']}")
    return pages, failed


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_two_thousand_pages(web: Web) -> None:
    paths = await asyncio.to_thread(fetched)
    store = (await make(web))["id"]
    pages, files, failed = 0, 0, list[str]()
    while pages < PAGES and files < len(paths):
        some = paths[files : files + TOGETHER]
        more, why = await ingested(web, store, some)
        pages, files, failed = pages + more, files + len(some), failed + why
    print(f"{pages} pages of {files} files; not ingested:", *failed, sep="\n")
    assert pages >= PAGES
    assert len(failed) < files / 20
    best = (await search(web, store, "alternatives diversions dpkg-divert maintainer script"))[0]
    assert "divert" in best["content"][0]["text"]
