"""Pictures that anyone may send."""

import base64
import io
import random
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stellwerk.engines.ocr.pictures import PictureError, picture_in, pixels
from tests import documents, pictures


def png(mode: str, size: tuple[int, int], colour: object) -> bytes:
    target = io.BytesIO()
    Image.new(mode, size, colour).save(target, "PNG")  # type: ignore[arg-type]
    return target.getvalue()


def test_a_data_uri() -> None:
    data = documents.picture("x")
    assert picture_in("data:image/png;base64," + base64.b64encode(data).decode(), "p") == data


def test_a_data_uri_with_more_in_its_head_and_broken_lines() -> None:
    data = documents.picture("x")
    text = base64.encodebytes(data).decode()
    assert picture_in("DATA:image/png;charset=utf-8;name=a;base64," + text, "p") == data


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


def halves(mode: str, black: float, white: float) -> Image.Image:
    """Dark on the left, light on the right."""
    values = np.full((20, 40), white)
    values[:, :20] = black
    kinds = {"I;16": np.uint16, "I": np.int32, "F": np.float32}
    return Image.fromarray(values.astype(kinds[mode]))


@pytest.mark.parametrize(
    ("image", "form"),
    [
        (halves("I;16", 2000, 64_000), "PNG"),
        (halves("I;16", 2000, 64_000), "TIFF"),
        (halves("I", 9000, 12_000_000), "TIFF"),
        (halves("F", 0.05, 1), "TIFF"),
    ],
    ids=["png", "tiff", "long", "float"],
)
def test_more_shades_than_a_screen_shows(image: Image.Image, form: str) -> None:
    """Pillow would make all of it white."""
    read = pixels(pictures.file_of(image, form), "p")
    assert read[:, :20].max() < 30
    assert read[:, 20:].min() > 240


def coloured(mode: str) -> Image.Image:
    image = Image.new("RGB", (40, 20), (250, 250, 250))
    image.paste((10, 10, 200), (0, 0, 20, 20))
    return image.convert(mode)


@pytest.mark.parametrize(
    ("mode", "form"),
    [("P", "PNG"), ("P", "GIF"), ("CMYK", "JPEG"), ("CMYK", "TIFF"), ("LAB", "TIFF")],
)
def test_colours_of_other_kinds(mode: str, form: str) -> None:
    read = pixels(pictures.file_of(coloured(mode), form), "p").astype(int)
    blue, green, red = read[:, 2:18].mean(axis=(0, 1))
    assert blue > 150
    assert max(green, red) < 80
    assert read[:, 24:].min() > 200


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P", "RGB"])
def test_all_kinds_of_transparency_stand_on_white(mode: str) -> None:
    image, more = Image.new("RGBA", (20, 20), (0, 0, 0, 0)), dict[str, Any]()
    if mode in {"P", "RGB"}:
        # One colour stands for nothing.
        image = Image.new(mode, (20, 20), 0)
        more = {"transparency": 0 if mode == "P" else (0, 0, 0)}
    else:
        image = image.convert(mode)
    assert pixels(pictures.file_of(image, "PNG", **more), "p").min() == 255


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_stands_upright(orientation: int) -> None:
    image = Image.new("RGB", (40, 20), "white")
    image.paste((0, 0, 0), (0, 0, 20, 10))
    exif = Image.Exif()
    exif[0x0112] = orientation
    read = pixels(pictures.file_of(image, "JPEG", exif=exif, quality=95), "p")
    assert read.shape[:2] == ((20, 40) if orientation < 5 else (40, 20))
    # Where the corner that was painted lies then.
    top, left = orientation in {1, 2, 5, 6}, orientation in {1, 4, 5, 8}
    height, width = read.shape[:2]
    rows = slice(2, height // 2 - 2) if top else slice(height // 2 + 2, -2)
    columns = slice(2, width // 2 - 2) if left else slice(width // 2 + 2, -2)
    assert read[rows, columns].max() < 60
    assert (read > 200).mean() > 0.65


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_files_broken_by_chance_are_refused_or_read(form: str) -> None:
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)
    exif = Image.Exif()
    exif[0x0112] = 6
    more = {"exif": exif} if form in {"PNG", "JPEG", "WEBP", "TIFF"} else {}
    whole = pictures.file_of(coloured("RGB"), form, **more)
    for number in range(200):
        file = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            file[chance.randrange(len(file))] = chance.randrange(256)
        del file[chance.choice([len(file), chance.randrange(len(file))]) :]
        try:
            pixels(bytes(file), "p")
        except PictureError:
            continue
        except Exception as error:  # noqa: BLE001
            pytest.fail(f"{seed}, {number}: {error!r}")
