"""What a file is. Its content says so; its name only helps to tell one text from another."""

import codecs
import zipfile
from pathlib import Path
from typing import Literal

from stellwerk.ports.reading import InvalidFileError, UnsupportedFileError
from stellwerk.readers.limits import Limits, check_archive
from stellwerk.readers.running import no_text

Kind = Literal["pdf", "word", "slides", "sheets", "picture", "html", "mail", "text"]

HEAD = 4096
PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# What the main part is called in there differs from program to program.
OFFICE: dict[str, Kind] = {"word/": "word", "ppt/": "slides", "xl/": "sheets"}
HTML_NAMES = {".html", ".htm", ".xhtml"}


def kind_of(path: Path, filename: str, limits: Limits) -> Kind:
    """Raises `UnsupportedFileError`, and `InvalidFileError` for an archive that is refused."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    suffix = Path(filename).suffix.lower()
    # Some programs put other bytes before it; a text may speak of it.
    if head.lstrip().startswith(b"%PDF-") or (suffix == ".pdf" and b"%PDF-" in head[:1024]):
        return "pdf"
    if _is_picture(head):
        return "picture"
    if head.startswith(b"PK\x03\x04"):
        return _office(path, limits)
    if head.startswith(OLE):
        return _old_office(suffix)
    return _text(head, suffix)


def _is_picture(head: bytes) -> bool:
    # Many a text begins with BM; a bitmap goes on with its size and four zeros.
    bitmap = head.startswith(b"BM") and head[6:10] == bytes(4)
    webp = head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    return head.startswith(PICTURES) or bitmap or webp


def _office(path: Path, limits: Limits) -> Kind:
    check_archive(path, limits)
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        if "mimetype" in names and b"spreadsheet" in archive.read("mimetype")[:200]:
            return "sheets"
    for folder, kind in OFFICE.items():
        if any(name.startswith(folder) for name in names):
            return kind
    raise no_text()


def _old_office(suffix: str) -> Kind:
    if suffix == ".xls":
        return "sheets"
    if suffix in {".docx", ".pptx", ".xlsx"}:
        # Office wraps an encrypted document into its old container.
        raise InvalidFileError("The file is encrypted. Remove its password and upload it again.")
    raise UnsupportedFileError(
        "The file is of an Office before 2007, or a message of Outlook. Save it as DOCX, PPTX, "
        "XLSX, PDF or .eml."
    )


def _text(head: bytes, suffix: str) -> Kind:
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()[:300].lower()
    tagged = start.startswith(b"<") and (b"<!doctype html" in start or b"<html" in start)
    if suffix in HTML_NAMES or tagged:
        return "html"
    return "mail" if suffix == ".eml" else "text"
