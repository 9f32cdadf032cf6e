"""What one request asks of the model, checked."""

import secrets
from dataclasses import dataclass

from PIL import Image

from stellwerk.engines.images.errors import LEAST, ImageSizeError, NotPaintedError
from stellwerk.engines.images.pictures import is_open, opened, openings
from stellwerk.engines.ocr.pictures import PictureError
from stellwerk.wire.images import (
    ImageEditRequest,
    ImageForm,
    ImageRequest,
    ImageVariationRequest,
)

# Steps by `quality`, as shares of the entry's.
WORK = {"low": 0.5, "high": 1.5, "hd": 1.5}


@dataclass(frozen=True, slots=True)
class Canvas:
    """What a model paints on: its own size in pixels, the longest side that it may, and the step
    that sides are multiples of.
    """

    own: tuple[int, int]
    longest: int
    step: int


@dataclass(frozen=True, slots=True)
class Job:
    """`before` is changed, only where `mask` is white if there is one.

    `previews`: so many pictures are shown of each before it is done, in a stream.
    """

    prompt: str
    size: tuple[int, int]
    seed: int
    n: int
    form: ImageForm
    quality: int | None = None
    work: float = 1
    before: Image.Image | None = None
    mask: Image.Image | None = None
    stream: bool = False
    previews: int = 0
    asked_quality: str = "auto"


def generation(request: ImageRequest, canvas: Canvas) -> Job:
    """Raises `InvalidRequestError` for what this engine cannot do."""
    _check(request)
    return Job(
        prompt=request.prompt,
        size=_size(request.size, canvas.own, canvas),
        seed=_seed(request.seed),
        n=request.n or 1,
        form=request.output_format or "png",
        quality=request.output_compression,
        work=WORK.get(request.quality or "", 1),
        stream=bool(request.stream),
        previews=request.partial_images or 0,
        asked_quality=request.quality or "auto",
    )


def edit(request: ImageEditRequest, canvas: Canvas) -> Job:
    """Raises `InvalidRequestError` for what this engine cannot do."""
    _check(request)
    if len(request.image) > 1:
        raise NotPaintedError("image[]", "local models take one picture.")
    before = opened(request.image[0], "image[]")
    mask = None
    if request.mask is not None:
        mask = openings(_like(before, opened(request.mask, "mask")), "mask")
    elif is_open(before):
        mask = openings(before, "image[]")
    size = _size(request.size, _near(before, canvas), canvas)
    return Job(
        prompt=request.prompt,
        size=size,
        seed=_seed(request.seed),
        n=request.n or 1,
        form=request.output_format or "png",
        quality=request.output_compression,
        work=WORK.get(request.quality or "", 1),
        before=before.resize(size),
        mask=mask.resize(size, Image.Resampling.NEAREST) if mask is not None else None,
        stream=bool(request.stream),
        previews=request.partial_images or 0,
        asked_quality=request.quality or "auto",
    )


def _like(before: Image.Image, mask: Image.Image) -> Image.Image:
    """The mask. Raises `PictureError` for one that would have to be stretched."""
    if mask.size != before.size:
        (width, height), (wide, high) = before.size, mask.size
        raise PictureError(
            f"`mask` has {wide} x {high} pixels; the picture has {width} x {height}, and the mask "
            "must have as many.",
            param="mask",
        )
    return mask


def variation(request: ImageVariationRequest, canvas: Canvas) -> Job:
    """Raises `InvalidRequestError` for what this engine cannot do."""
    before = opened(request.image, "image")
    size = _size(request.size, _near(before, canvas), canvas)
    return Job(
        prompt="",
        size=size,
        seed=_seed(request.seed),
        n=request.n or 1,
        form=request.output_format or "png",
        before=before.resize(size),
    )


def _check(request: ImageRequest | ImageEditRequest) -> None:
    if request.stream and request.response_format == "url":
        raise NotPaintedError("response_format", "a stream holds the pictures; use `b64_json`.")
    if request.partial_images and not request.stream:
        raise NotPaintedError("partial_images", "needs `stream` to be true.")
    if request.background == "transparent":
        raise NotPaintedError("background", "local models paint opaque pictures.")
    if isinstance(request, ImageRequest) and request.style is not None:
        raise NotPaintedError("style", "local models have none; say it in the `prompt`.")
    if isinstance(request, ImageEditRequest) and request.input_fidelity == "high":
        raise NotPaintedError("input_fidelity", "local models know `low` only.")
    compressed = request.output_compression not in {None, 100}
    if compressed and (request.output_format or "png") == "png":
        raise NotPaintedError("output_compression", "needs `output_format` `jpeg` or `webp`.")


def _size(asked: str | None, usual: tuple[int, int], canvas: Canvas) -> tuple[int, int]:
    if asked is None or asked == "auto":
        return usual
    width, _, height = asked.partition("x")
    size = int(width), int(height)
    if any(side % canvas.step or not LEAST <= side <= canvas.longest for side in size):
        raise ImageSizeError(asked, canvas.step, canvas.longest)
    return size


def _near(picture: Image.Image, canvas: Canvas) -> tuple[int, int]:
    """The picture's own size, as near as the model can paint it."""
    scale = min(1, canvas.longest / max(picture.size))
    step = canvas.step
    width, height = (max(LEAST, int(side * scale) // step * step) for side in picture.size)
    return width, height


def _seed(given: int | None) -> int:
    return secrets.randbits(32) if given is None else given
