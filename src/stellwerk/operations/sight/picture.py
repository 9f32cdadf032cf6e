"""A picture that a caller named or sent: its bytes, and what its head says of it."""

import base64
import io
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from stellwerk.base.errors import InvalidRequestError
from stellwerk.wire.data_url import data_in

# What OpenAI takes; every server that looks at pictures knows them.
FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}
# A photo with another one behind it, as some phones make them: the first is an ordinary JPEG.
SAME = {"MPO": "JPEG"}
BROKEN = (UnidentifiedImageError, OSError, SyntaxError, ValueError)
BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)


class PictureError(InvalidRequestError):
    """400: what was sent is no picture that a model could look at."""

    code = "invalid_image"


class PictureTooLargeError(PictureError):
    """400: a picture, or all of them together, are larger than this hub takes."""

    code = "image_too_large"


@dataclass(frozen=True, slots=True)
class Picture:
    """The file as it came. `form` is what it is, whatever it was called; sizes in pixels."""

    data: bytes
    form: str
    width: int
    height: int

    @property
    def url(self) -> str:
        kind = FORMATS[self.form]
        return f"data:{kind};base64," + base64.b64encode(self.data).decode()


def data_of(url: str, param: str) -> bytes:
    """The bytes of a data URL. Raises `PictureError`."""
    try:
        return data_in(url)
    except ValueError as error:
        raise PictureError(f"`{param}` {error}.", param=param) from error


def picture_of(data: bytes, param: str, most_pixels: int) -> Picture:
    """Look at the head of a file; its pixels are not unpacked. Raises `PictureError`."""
    large = PictureTooLargeError(f"`{param}` has more than {most_pixels} pixels.", param=param)
    try:
        with Image.open(io.BytesIO(data), formats=tuple(FORMATS)) as image:
            form, (width, height) = SAME.get(image.format or "", image.format or ""), image.size
    except BOMB as error:
        raise large from error
    except BROKEN as error:
        raise PictureError(
            f"`{param}` is no picture that can be read; {', '.join(FORMATS)} can be.", param=param
        ) from error
    if width * height > most_pixels:
        raise large
    return Picture(data, form, width, height)
