"""Pictures that tests send."""

import zlib
from io import BytesIO

import numpy as np
from PIL import Image

from stellwerk.wire.form import Part


def file_of(picture: Image.Image, form: str = "PNG") -> bytes:
    file = BytesIO()
    picture.save(file, form)
    return file.getvalue()


def stripes(width: int = 64, height: int = 64) -> Image.Image:
    rows, columns = np.mgrid[0:height, 0:width]
    channels = (rows * 255 // height, columns * 255 // width, (rows + columns) % 256)
    return Image.fromarray(np.dstack(channels).astype(np.uint8))


def mask(box: tuple[int, int, int, int], width: int = 64, height: int = 64) -> Image.Image:
    """Closed but for the box."""
    made = Image.new("RGBA", (width, height), (0, 0, 0, 255))
    made.paste((0, 0, 0, 0), box)
    return made


def part(name: str, picture: Image.Image | bytes, form: str = "PNG") -> Part:
    data = picture if isinstance(picture, bytes) else file_of(picture, form)
    return Part(name, data, "picture", "image/png")


def bomb() -> bytes:
    """A PNG of 20 KB that says that it has 900 million pixels."""
    file = bytearray(file_of(Image.new("L", (8, 8))))
    head = b"IHDR" + (30_000).to_bytes(4, "big") * 2 + file[24:29]
    file[12:29] = head
    file[29:33] = zlib.crc32(head).to_bytes(4, "big")
    return bytes(file)
