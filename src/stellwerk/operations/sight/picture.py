"""A picture that a caller named or sent: its bytes, and what its head says of it."""

import base64
import binascii
import io
import re
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from stellwerk.base.errors import InvalidRequestError

# What OpenAI takes; every server that looks at pictures knows them.
FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}
# A photo with another one behind it, as some phones make them: the first is an ordinary JPEG.
SAME = {"MPO": "JPEG"}
DATA_URL = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
SPACE = re.compile(r"\s+")
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


def is_data(url: str) -> bool:
    return url[:5].lower() == "data:"


def data_of(url: str, param: str) -> bytes:
    """The bytes of a data URL. Raises `PictureError`."""
    head = DATA_URL.match(url)
    if head is None:
        raise PictureError(
            f"`{param}`: a data URL begins with `data:image/png;base64,` or the like.", param=param
        )
    text = url[head.end() :]
    try:
        return _decoded(text)
    except ValueError as error:
        raise PictureError(f"`{param}` is not base64: {error}.", param=param) from error


def _decoded(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        # Some tools break the lines.
        return binascii.a2b_base64(SPACE.sub("", text), strict_mode=True)


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
