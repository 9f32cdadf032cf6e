"""Pictures as PNG of at most 1024 pixels a side; PNG, JPEG, WebP, GIF and TIFF files as pages."""

import io
import warnings
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from stellwerk.ports.reading import InvalidFileError, Page, Pictures

LONGER_SIDE = 1024
MOST_PIXELS = 100_000_000
# Smaller ones on a page are rules, bullets and logos.
SMALLEST = 64
# Modes of grey with more than 8 bits, as scanners and microscopes make them.
DEEP = ("I", "F")
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP")
BROKEN = (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def read(path: Path, first: int, _: Pictures = "all") -> Iterator[Page]:
    """A page for each frame of a TIFF, the first frame of all others."""
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    try:
        with _opened(path) as image:
            frames = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
            for number, frame in enumerate(ImageSequence.Iterator(image), 1):
                if number > frames:
                    return
                if number >= first:
                    yield Page(number, "", (png(frame),), frames)
    except BROKEN as error:
        raise InvalidFileError(f"The picture cannot be read: {_reason(error)}.") from error


def small_png(data: bytes) -> bytes | None:
    """A picture of a document; None for a small one, or one in a form that is not read."""
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    try:
        with _opened(io.BytesIO(data)) as image:
            return png(image) if min(image.size) >= SMALLEST else None
    except BROKEN:
        return None


def png(image: Image.Image) -> bytes:
    """Upright, without alpha, the longer side at most 1024 pixels."""
    turned = ImageOps.exif_transpose(image)
    if turned.mode.startswith(DEEP):
        turned = _shallow(turned)
    if turned.mode not in {"RGB", "L"}:
        turned = _on_white(turned)
    turned.thumbnail((LONGER_SIDE, LONGER_SIDE))
    target = io.BytesIO()
    turned.save(target, "PNG", compress_level=3)
    return target.getvalue()


def _opened(source: Path | io.BytesIO) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            return Image.open(source, formats=FORMATS)
        except Image.DecompressionBombWarning as error:
            raise Image.DecompressionBombError(str(error)) from error


def _on_white(image: Image.Image) -> Image.Image:
    layer = image.convert("RGBA")
    page = Image.new("RGBA", layer.size, "white")
    page.alpha_composite(layer)
    return page.convert("RGB")


def _shallow(image: Image.Image) -> Image.Image:
    """Its own darkest and lightest as black and white. Pillow cuts off whatever is above 255."""
    import numpy as np

    values = np.nan_to_num(np.asarray(image, dtype=np.float32))
    darkest, lightest = float(values.min()), float(values.max())
    values -= darkest
    values *= 255 / ((lightest - darkest) or 1)
    return Image.fromarray(values.astype(np.uint8))


def _reason(error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return f"it has more than {MOST_PIXELS} pixels"
    return "it is broken, or not all of it came"
