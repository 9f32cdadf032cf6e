"""The colours that most of a picture has."""

from colorsys import rgb_to_hls

import numpy as np

from stellwerk.engines.ocr.pictures import Pixels
from stellwerk.wire.ocr import OcrColor

MOST = 5
LEAST_SHARE = 0.02
# So many points of a side are looked at, evenly spread: shares of a hundredth hold.
POINTS = 128
# Up to these, lightness and saturation (0 to 1) leave no colour to be seen.
BLACK, WHITE, GREY = 0.12, 0.93, 0.12
# Where each hue ends, in degrees.
HUES = (
    (15, "red"),
    (40, "orange"),
    (66, "yellow"),
    (165, "green"),
    (195, "cyan"),
    (260, "blue"),
    (290, "purple"),
    (345, "pink"),
    (360, "red"),
)
LIGHT, DARK, BROWN = 0.75, 0.3, 0.45


def colors(picture: Pixels) -> list[OcrColor]:
    """The largest first. Points whose colours have one name are one colour."""
    height, width = picture.shape[:2]
    rows = np.linspace(0, height - 1, min(height, POINTS)).astype(int)
    columns = np.linspace(0, width - 1, min(width, POINTS)).astype(int)
    points = picture[np.ix_(rows, columns)].reshape(-1, 3)
    # Shades that nobody tells apart: 32 steps of each of blue, green and red.
    shades, place, counts = np.unique(points // 8, axis=0, return_inverse=True, return_counts=True)
    sums = np.zeros((len(shades), 3))
    np.add.at(sums, place.reshape(-1), points)
    found: dict[str, tuple[int, np.ndarray]] = {}
    for total, count in zip(sums, counts, strict=True):
        name = name_of(*(total[::-1] / count))
        before, sum_before = found.get(name, (0, np.zeros(3)))
        found[name] = before + int(count), sum_before + total
    ranked = sorted(found.items(), key=lambda item: -item[1][0])[:MOST]
    return [
        OcrColor(name=name, hex=_hex(total / count), share=round(count / len(points), 3))
        for name, (count, total) in ranked
        if count / len(points) >= LEAST_SHARE
    ]


def name_of(red: float, green: float, blue: float) -> str:
    """What people call a colour; parts from 0 to 255."""
    hue, lightness, saturation = rgb_to_hls(red / 255, green / 255, blue / 255)
    if lightness <= BLACK:
        return "black"
    if lightness >= WHITE:
        return "white"
    if saturation <= GREY:
        return _shade(lightness, "grey")
    name = next(name for end, name in HUES if hue * 360 <= end)
    if name == "orange" and lightness < BROWN:
        return "brown"
    return _shade(lightness, name)


def _shade(lightness: float, name: str) -> str:
    if lightness >= LIGHT:
        return f"light {name}"
    return f"dark {name}" if lightness <= DARK else name


def _hex(blue_green_red: np.ndarray) -> str:
    return "#" + "".join(f"{round(float(part)):02x}" for part in blue_green_red[::-1])
