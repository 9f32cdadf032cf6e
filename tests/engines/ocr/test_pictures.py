"""Pictures that anyone may send."""

import base64
import io

import pytest
from PIL import Image

from stellwerk.engines.ocr.pictures import PictureError, picture_in, pixels
from tests import documents


def png(mode: str, size: tuple[int, int], colour: object) -> bytes:
    target = io.BytesIO()
    Image.new(mode, size, colour).save(target, "PNG")  # type: ignore[arg-type]
    return target.getvalue()


def test_a_data_uri() -> None:
    data = documents.picture("x")
    assert picture_in("data:image/png;base64," + base64.b64encode(data).decode(), "p") == data


@pytest.mark.parametrize("uri", ["https://host/a.png", "data:image/png;base64,???", ""])
def test_anything_else_is_refused(uri: str) -> None:
    with pytest.raises(PictureError) as caught:
        picture_in(uri, "document.image_url")
    assert caught.value.param == "document.image_url"


def test_it_stands_on_white() -> None:
    assert pixels(png("RGBA", (20, 10), (255, 0, 0, 0)), "p").tolist() == [[[255] * 3] * 20] * 10
    assert pixels(png("RGB", (9, 9), (255, 1, 2)), "p")[0, 0].tolist() == [2, 1, 255]


def test_what_is_no_picture() -> None:
    whole = documents.picture("x")
    small = png("RGB", (4, 4), "white")
    # A picture of 100 million pixels in some kilobytes.
    bomb = png("1", (10_000, 10_000), 0)
    for data in (b"", b"GIF89a", whole[: len(whole) // 2], small, bomb):
        with pytest.raises(PictureError):
            pixels(data, "p")
