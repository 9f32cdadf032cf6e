"""Pictures for a model that sees, as llama.cpp takes them.

llama.cpp cuts and scales a picture after the model's projector. What it does not do is done here:
it neither turns a photo upright nor reads WebP, and of a broken file it says no more than that.
"""

import base64
import io

from PIL import Image

from stellwerk.engines.llama.messages import Line, Said
from stellwerk.engines.ocr.pictures import flattened, picture_in, upright

# The longer side, in pixels; no projector that llama.cpp knows looks at more.
LONGEST = {"low": 768}
LONGEST_USUAL = 2048


def fit(lines: list[Line]) -> None:
    """Put each picture into its place as pixels that can be taken. Raises `PictureError`."""
    for line in lines:
        for seen in line.pictures if isinstance(line, Said) else ():
            data = picture_in(seen.url, seen.param)
            longest = LONGEST.get(seen.detail or "", LONGEST_USUAL)
            image = upright(data, seen.param, flattened)
            image.thumbnail((longest, longest))
            seen.url = _packed(image)


def _packed(image: Image.Image) -> str:
    """A data URL. To pack pixels that go no further than the next thread would only take time."""
    file = io.BytesIO()
    image.save(file, "BMP")
    return "data:image/bmp;base64," + base64.b64encode(file.getvalue()).decode()
