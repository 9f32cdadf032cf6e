"""PDF by PDFium: the text layer of each page, and the page as a picture."""

from collections.abc import Iterator
from pathlib import Path

import pypdfium2

from stellwerk.ports.reading import InvalidFileError, Page, Pictures, scanned
from stellwerk.readers.pictures import LONGER_SIDE, png

# PDFium's error codes (fpdfview.h).
PASSWORD, SECURITY = 4, 5


def read(path: Path, first: int, wanted: Pictures) -> Iterator[Page]:
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        raise _refused(error) from error
    total = len(document)
    for index in range(first - 1, total):
        try:
            page = document[index]
            text = _text(page)
            # To draw a page takes longer than to read it.
            drawn = wanted == "all" or (wanted == "scans" and scanned(text))
            yield Page(index + 1, text, _picture(page) if drawn else (), total)
            page.close()
        except pypdfium2.PdfiumError as error:
            raise InvalidFileError(f"Page {index + 1} of the PDF is broken.") from error


def _text(page: pypdfium2.PdfPage) -> str:
    layer = page.get_textpage()
    try:
        # PDFium marks the hyphen at the end of a line that its word goes on after.
        text: str = layer.get_text_bounded()
        return text.replace("\x02\r\n", "").replace("\ufffe\r\n", "").replace("\r\n", "\n").strip()
    finally:
        layer.close()


def _picture(page: pypdfium2.PdfPage) -> tuple[bytes]:
    longer = max(page.get_size())
    if longer <= 0:
        raise pypdfium2.PdfiumError("a page without size")
    bitmap = page.render(scale=LONGER_SIDE / longer)
    try:
        return (png(bitmap.to_pil()),)
    finally:
        bitmap.close()


def _refused(error: pypdfium2.PdfiumError) -> InvalidFileError:
    if getattr(error, "err_code", None) in {PASSWORD, SECURITY}:
        return InvalidFileError("The PDF is encrypted. Remove its password and upload it again.")
    return InvalidFileError("The PDF is broken, or not all of it came.")
