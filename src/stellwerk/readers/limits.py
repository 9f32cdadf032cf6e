"""What a document may cost: it comes from anyone, and may be made to harm."""

import zipfile
from pathlib import Path

import msgspec

from stellwerk.ports.reading import InvalidFileError

LONGEST_PAGE = 2_000_000
# Bytes: a page is held whole, and a text document may not say where its pages end.
MOST_PICTURES = 256 * 2**20
# A well-packed text shrinks to a fifth; a bomb to a thousandth.
STEEPEST = 200
SMALL = 2**20
MOST_MEMBERS = 20_000


class Limits(msgspec.Struct, frozen=True):
    """Bytes of memory and of unpacked content, seconds for a page, and pages."""

    memory: int = 2 * 2**30
    expanded: int = 2**30
    page_seconds: float = 60
    pages: int = 20_000


def check_archive(path: Path, limits: Limits) -> None:
    """Raise for a ZIP archive that is broken, encrypted or a bomb. Nothing is unpacked.

    The sizes that a member announces are the most that the library ever unpacks of it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InvalidFileError(
            "The file is a broken ZIP archive, or not all of it came."
        ) from error
    if any(member.flag_bits & 1 for member in members):
        raise InvalidFileError("The file is encrypted. Remove its password and upload it again.")
    size = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if len(members) > MOST_MEMBERS or size > limits.expanded:
        raise InvalidFileError(
            f"Unpacked, the file has {len(members)} parts of {size} bytes together; "
            f"{MOST_MEMBERS} of {limits.expanded} are the limit."
        )
    if size > SMALL and size > STEEPEST * max(packed, 1):
        raise InvalidFileError("The file unpacks to so much more than its size that it is refused.")


def check_page(number: int, text: str, pictures: int) -> None:
    """`pictures` is the bytes of all of them. Raises `InvalidFileError`."""
    if len(text) > LONGEST_PAGE:
        raise InvalidFileError(
            f"Page {number} has {len(text)} characters; {LONGEST_PAGE} are the limit of one page."
        )
    if pictures > MOST_PICTURES:
        raise InvalidFileError(
            f"The pictures on page {number} have {pictures} bytes; {MOST_PICTURES} are the limit "
            "of one page."
        )
