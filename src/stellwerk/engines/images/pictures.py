"""Pictures that callers send, and files of those that are painted."""

import io
from typing import Any

from PIL import Image

from stellwerk.engines.ocr.pictures import PictureError, layered, upright
from stellwerk.wire.images import ImageForm

# Alpha below this is open, to be painted.
OPEN = 128


def opened(data: bytes, param: str) -> Image.Image:
    """The first frame, upright, with its alpha channel. Raises `PictureError`."""
    return upright(data, param, layered)


def openings(picture: Image.Image, param: str) -> Image.Image:
    """White where a mask is transparent, else black. Raises `PictureError` for a closed one."""
    mask = picture.getchannel("A").point(lambda alpha: 255 if alpha < OPEN else 0)
    if mask.getbbox() is None:
        raise PictureError(
            f"`{param}` is nowhere transparent, so there is nothing to paint.", param=param
        )
    return mask


def is_open(picture: Image.Image) -> bool:
    """Whether a picture has transparent places of its own."""
    low, _ = picture.getchannel("A").getextrema()
    return isinstance(low, int) and low < OPEN


def file_of(picture: Image.Image, form: ImageForm, quality: int | None) -> bytes:
    file = io.BytesIO()
    more: dict[str, Any] = {} if form == "png" else {"quality": 100 if quality is None else quality}
    picture.convert("RGB").save(file, form, **more)
    return file.getvalue()
