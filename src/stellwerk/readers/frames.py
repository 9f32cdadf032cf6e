"""What parent and child say to each other: lengths (4 bytes, big-endian) and MessagePack."""

import msgspec

from stellwerk.ports.reading import Pictures
from stellwerk.readers.kinds import Kind
from stellwerk.readers.limits import Limits

LENGTH = 4


class Orders(msgspec.Struct, frozen=True):
    """What is to be read."""

    path: str
    filename: str
    first: int
    pictures: Pictures
    limits: Limits
    # Whether the parent can draw office documents.
    draws: bool = False


class PageFrame(msgspec.Struct, frozen=True, tag="page"):
    """A page, see `stellwerk.ports.reading.Page`."""

    number: int
    text: str
    pictures: tuple[bytes, ...]
    total: int | None


class DrawFrame(msgspec.Struct, frozen=True, tag="draw"):
    """Asks for the file as a PDF. The parent answers with a line: its path as JSON, or null."""

    kind: Kind


class ErrorFrame(msgspec.Struct, frozen=True, tag="error"):
    """Why it cannot be read. `supported`: whether another file of its kind could be."""

    message: str
    supported: bool


class EndFrame(msgspec.Struct, frozen=True, tag="end"):
    """There are no more pages."""


Frame = PageFrame | DrawFrame | ErrorFrame | EndFrame


def packed(frame: Frame) -> bytes:
    body = msgspec.msgpack.encode(frame)
    return len(body).to_bytes(LENGTH, "big") + body


def unpacked(body: bytes) -> Frame:
    frame: Frame = msgspec.msgpack.decode(body, type=Frame)
    return frame
