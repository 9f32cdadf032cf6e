"""Running text, which has no pages: it is cut into stretches, at the end of a paragraph or line."""

import codecs
from collections.abc import Iterator

from charset_normalizer import from_bytes

from stellwerk.base.stretches import stretches
from stellwerk.ports.reading import Page, UnsupportedFileError

STRETCH = 16_000
SAMPLE = 2**16
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def text_in(data: bytes) -> str:
    """The text, whatever its encoding. Raises `UnsupportedFileError` for what is no text."""
    for mark, encoding in MARKS.items():
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    if b"\0" in data[:SAMPLE]:
        raise no_text()
    try:
        return data.decode()
    except UnicodeDecodeError:
        found = from_bytes(data[:SAMPLE]).best()
    if found is None:
        raise no_text()
    return data.decode(found.encoding, "replace")


def no_text() -> UnsupportedFileError:
    return UnsupportedFileError(
        "This kind of file is not read here. PDF, DOCX, PPTX, XLSX, HTML, Markdown, text, CSV, "
        "JSON, e-mail (.eml), PNG, JPEG, WebP, GIF and TIFF are."
    )


def pages(text: str, first: int) -> Iterator[Page]:
    found = list(cut(text))
    for number, stretch in enumerate(found, 1):
        if number >= first:
            yield Page(number, stretch, (), len(found))


def cut(text: str) -> Iterator[str]:
    """Stretches that count as pages."""
    return stretches(text.replace("\r\n", "\n").replace("\0", ""), STRETCH)
