"""What the networks read, and in which order it is told."""

import io
import math
from pathlib import Path

import numpy as np
import pytest
import reportlab
from PIL import Image, ImageDraw, ImageFont

from stellwerk.engines.ocr.pictures import pixels
from stellwerk.engines.ocr.recognizer import Line, Recognizer, enlarged, in_order
from stellwerk.engines.ocr.spec import weights as files

FONT = Path(reportlab.__file__).parent / "fonts" / "Vera.ttf"
LINES = ["Prüfbericht für Gleis 17", "Größe der Schwellen: 260 mm", "Oil the points weekly"]


@pytest.fixture(scope="module")
def recognizer(weights: Path) -> Recognizer:
    names = ("PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx")
    return Recognizer(files(str(weights / name) for name in names), threads=2)


def picture(tilt: float = 0, noise: int = 0) -> bytes:
    image = Image.new("L", (560, 240), 255)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(LINES):
        draw.text((40, 40 + 60 * number), line, fill=0, font=ImageFont.truetype(FONT, 22))
    image = image.rotate(tilt, fillcolor=255, resample=Image.Resampling.BICUBIC)
    grain = np.random.default_rng(7).normal(0, noise, (240, 560))
    noisy = np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8)
    target = io.BytesIO()
    Image.fromarray(noisy).save(target, "PNG")
    return target.getvalue()


@pytest.mark.parametrize(("tilt", "noise"), [(0, 0), (2, 25)])
def test_it_reads(recognizer: Recognizer, tilt: float, noise: int) -> None:
    found = recognizer.read(pixels(picture(tilt, noise), "p"))
    assert [line.text for line in found] == LINES
    left, top, right, bottom = found[0].box
    assert 25 < left < 55
    assert 20 < top < bottom < 90
    assert right < 560
    assert all(0.8 < line.score <= 1 for line in found)


def test_an_empty_page_has_no_lines(recognizer: Recognizer) -> None:
    target = io.BytesIO()
    Image.new("RGB", (300, 300), "white").save(target, "PNG")
    assert recognizer.read(pixels(target.getvalue(), "p")) == []


def test_rows_from_left_to_right() -> None:
    """A table of three rows on a page that is tilted by two degrees."""
    slope = math.tan(math.radians(2))
    cells = [
        Line(f"{row}{column}", (x, y + slope * x, x + 80, y + slope * x + 20), 1.0)
        for row, y in enumerate((100.0, 140.0, 180.0))
        for column, x in enumerate((0.0, 90.0, 180.0))
    ]
    assert [line.text for line in in_order(cells[::-1])] == [line.text for line in cells]


@pytest.mark.parametrize(
    ("size", "times"),
    [
        ((300, 400), 3.67),
        ((100, 100), 4),
        ((500, 1000), 2),
        ((1200, 1600), 1),
        ((600, 4000), 1),
        ((8, 6_000_000), 1),
    ],
)
def test_a_picture_is_enlarged_within_what_is_looked_at(
    size: tuple[int, int], times: float
) -> None:
    assert enlarged(size, 2000) == pytest.approx(times, abs=0.01)


@pytest.mark.parametrize("closely", [False, True])
@pytest.mark.parametrize("size", [(8, 8), (8, 999), (8, 1100), (3_000_000, 8), (20, 2400)])
def test_strips(recognizer: Recognizer, size: tuple[int, int], closely: bool) -> None:
    height, width = size
    white = np.full((height, width, 3), 255, np.uint8)
    assert recognizer.read(white, closely=closely) == []
