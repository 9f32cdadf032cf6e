"""A picture that anyone may have sent, as pixels."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from stellwerk.base.errors import InvalidRequestError
from stellwerk.wire.data_url import data_in, is_data

Pixels = npt.NDArray[np.uint8]

MOST_PIXELS = 50_000_000
SMALLEST = 8
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP")
# What Pillow raises for files that are broken, or were made to break it.
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
)
BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)
BLACK, WHITE = 0, 255


class PictureError(InvalidRequestError):
    """400: what was sent is no picture that can be read."""

    code = "invalid_image"


def picture_in(uri: str, param: str) -> bytes:
    """The bytes of a data URI. Raises `PictureError`."""
    try:
        return data_in(uri)
    except ValueError as error:
        more = "" if is_data(uri) else "; nothing is fetched"
        raise PictureError(f"`{param}` {error}{more}.", param=param) from error


def upright(data: bytes, param: str, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """The first frame as its camera was held, converted. Raises `PictureError`."""
    large = PictureError(f"`{param}` has more than {MOST_PIXELS} pixels.", param=param)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            # Nothing is unpacked before this.
            if image.width * image.height > MOST_PIXELS:
                raise large
            ImageOps.exif_transpose(image, in_place=True)
            return convert(image)
    except BOMB as error:
        raise large from error
    except BROKEN as error:
        message = f"`{param}` is no picture that can be read, or not all of it came."
        raise PictureError(message, param=param) from error


def pixels(data: bytes, param: str) -> Pixels:
    """Upright, on white, rows of blue, green and red. Raises `PictureError`."""
    flat = upright(data, param, flattened)
    if min(flat.size) < SMALLEST:
        raise PictureError(f"`{param}` is less than {SMALLEST} pixels wide or high.", param=param)
    # In one step: a large picture is held as few times as can be.
    packed = np.frombuffer(flat.tobytes("raw", "BGR"), np.uint8)
    return packed.reshape(flat.height, flat.width, 3)


def flattened(image: Image.Image) -> Image.Image:
    """Without what is transparent: on white."""
    if not image.has_transparency_data:
        plain = _eight_bits(image)
        # What has no need of a copy is not copied: it may be large.
        plain.load()
        return plain if plain.mode == "RGB" else plain.convert("RGB")
    layer = layered(image)
    page = Image.new("RGB", layer.size, "white")
    page.paste(layer, mask=layer)
    return page


def layered(image: Image.Image) -> Image.Image:
    """With an alpha channel."""
    return _eight_bits(image).convert("RGBA")


def _eight_bits(image: Image.Image) -> Image.Image:
    """As a screen shows what has more shades of grey; Pillow takes all above 255 for white."""
    if image.mode not in {"I", "F"} and not image.mode.startswith("I;16"):
        return image
    values = np.nan_to_num(np.asarray(image).astype(np.float32))
    if image.mode.startswith("I;16"):
        return Image.fromarray((values / 257).round().astype(np.uint8))
    # Of these it is not known what is black and what is white.
    low, high = float(values.min()), float(values.max())
    if low < BLACK or high > WHITE or image.mode == "F":
        values = (values - low) * (WHITE / ((high - low) or 1))
    return Image.fromarray(values.round().astype(np.uint8))
