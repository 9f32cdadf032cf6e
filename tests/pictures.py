"""Files of pictures as callers send them: good ones, and ones that lie, break or blow up."""

import base64
import io
import struct
import zlib
from typing import Any

from PIL import Image


def file_of(image: Image.Image, form: str = "PNG", **more: object) -> bytes:
    target = io.BytesIO()
    image.save(target, form, **more)
    return target.getvalue()


def plain(
    size: tuple[int, int] = (60, 40), colour: Any = "white", form: str = "PNG", **more: object
) -> bytes:
    return file_of(Image.new("RGB", size, colour), form, **more)


def animated() -> bytes:
    """A GIF whose first frame is red, and its second blue."""
    red, blue = (Image.new("RGB", (60, 40), colour) for colour in ("red", "blue"))
    return file_of(red, "GIF", save_all=True, append_images=[blue], duration=100)


def bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """A PNG of some kilobytes whose head promises billions of pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(name, data)
        for name, data in (
            (b"IHDR", head),
            (b"IDAT", zlib.compress(bytes(2**20), 9)),
            (b"IEND", b""),
        )
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def uri(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64," + base64.b64encode(data).decode()
