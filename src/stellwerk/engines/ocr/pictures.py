"""A picture that anyone may have sent, as pixels."""

import base64
import binascii
import io
import re
import warnings
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from stellwerk.base.errors import InvalidRequestError

Pixels = npt.NDArray[np.uint8]

MOST_PIXELS = 50_000_000
SMALLEST = 8
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP")
DATA_URI = re.compile(r"data:[\w.+/-]*;base64,", re.IGNORECASE)
BROKEN = (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError)


class PictureError(InvalidRequestError):
    """400: what was sent is no picture that can be read."""

    code = "invalid_image"


def picture_in(uri: str, param: str) -> bytes:
    """The bytes of a data URI. Raises `PictureError`."""
    head = DATA_URI.match(uri)
    if head is None:
        raise PictureError(
            f"`{param}` must be a data URI (`data:image/png;base64,...`); nothing is fetched.",
            param=param,
        )
    try:
        return base64.b64decode(uri[head.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise PictureError(f"`{param}` is not base64: {error}.", param=param) from error


def upright(data: bytes, param: str, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """The first frame as its camera was held, converted. Raises `PictureError`."""
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                return convert(ImageOps.exif_transpose(image))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        message = f"`{param}` has more than {MOST_PIXELS} pixels."
        raise PictureError(message, param=param) from error
    except BROKEN as error:
        message = f"`{param}` is no picture that can be read, or not all of it came."
        raise PictureError(message, param=param) from error


def pixels(data: bytes, param: str) -> Pixels:
    """Upright, on white, rows of blue, green and red. Raises `PictureError`."""
    flat = upright(data, param, flattened)
    if min(flat.size) < SMALLEST:
        raise PictureError(f"`{param}` is less than {SMALLEST} pixels wide or high.", param=param)
    return np.ascontiguousarray(np.asarray(flat)[:, :, ::-1])


def flattened(image: Image.Image) -> Image.Image:
    """Without what is transparent: on white."""
    if image.mode in {"RGB", "L"}:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    page = Image.new("RGBA", layer.size, "white")
    page.alpha_composite(layer)
    return page.convert("RGB")
