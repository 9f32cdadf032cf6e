"""What parent and child say to each other: lengths (4 bytes, big-endian) and MessagePack."""

import msgspec

from stellwerk.ports.reading import Pictures
from stellwerk.readers.limits import Limits

LENGTH = 4


class Orders(msgspec.Struct, frozen=True):
    """What is to be read."""

    path: str
    filename: str
    first: int
    pictures: Pictures
    limits: Limits


class PageFrame(msgspec.Struct, frozen=True, tag="page"):
    """A page, see `stellwerk.ports.reading.Page`."""

    number: int
    text: str
    pictures: tuple[bytes, ...]
    total: int | None


class ErrorFrame(msgspec.Struct, frozen=True, tag="error"):
    """Why it cannot be read. `supported`: whether another file of its kind could be."""

    message: str
    supported: bool


class EndFrame(msgspec.Struct, frozen=True, tag="end"):
    """There are no more pages."""


Frame = PageFrame | ErrorFrame | EndFrame


def packed(frame: Frame) -> bytes:
    body = msgspec.msgpack.encode(frame)
    return len(body).to_bytes(LENGTH, "big") + body


def unpacked(body: bytes) -> Frame:
    frame: Frame = msgspec.msgpack.decode(body, type=Frame)
    return frame
