"""What a file is. Its content says so; its name only helps to tell one text from another."""

import zipfile
from pathlib import Path
from typing import Literal

from stellwerk.ports.reading import InvalidFileError, UnsupportedFileError
from stellwerk.readers.limits import Limits, check_archive
from stellwerk.readers.running import no_text

Kind = Literal["pdf", "word", "slides", "sheets", "picture", "html", "mail", "text"]

HEAD = 4096
PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*", b"BM")
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
OFFICE: dict[str, Kind] = {
    "word/document.xml": "word",
    "ppt/presentation.xml": "slides",
    "xl/workbook.xml": "sheets",
    "xl/workbook.bin": "sheets",
}
HTML_NAMES = {".html", ".htm", ".xhtml"}


def kind_of(path: Path, filename: str, limits: Limits) -> Kind:
    """Raises `UnsupportedFileError`, and `InvalidFileError` for an archive that is refused."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(PICTURES) or (head.startswith(b"RIFF") and head[8:12] == b"WEBP"):
        return "picture"
    if head.startswith(b"PK\x03\x04"):
        return _office(path, limits)
    if head.startswith(OLE):
        return _old_office(filename)
    return _text(head, Path(filename).suffix.lower())


def _office(path: Path, limits: Limits) -> Kind:
    check_archive(path, limits)
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        if "mimetype" in names and b"spreadsheet" in archive.read("mimetype")[:200]:
            return "sheets"
    for name, kind in OFFICE.items():
        if name in names:
            return kind
    raise no_text()


def _old_office(filename: str) -> Kind:
    suffix = Path(filename).suffix.lower()
    if suffix == ".xls":
        return "sheets"
    if suffix in {".docx", ".pptx", ".xlsx"}:
        # Office wraps an encrypted document into its old container.
        raise InvalidFileError("The file is encrypted. Remove its password and upload it again.")
    raise UnsupportedFileError(
        "The file is of an Office before 2007. Save it as DOCX, PPTX, XLSX or PDF."
    )


def _text(head: bytes, suffix: str) -> Kind:
    start = head.lstrip()[:200].lower()
    if suffix in HTML_NAMES or start.startswith((b"<!doctype html", b"<html")):
        return "html"
    return "mail" if suffix == ".eml" else "text"
