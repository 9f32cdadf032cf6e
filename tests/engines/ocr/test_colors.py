"""Names and shares of colours."""

import numpy as np
import pytest
from PIL import Image

from stellwerk.engines.ocr.colors import colors, name_of


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ((0, 0, 0), "black"),
        ((255, 255, 255), "white"),
        ((128, 128, 128), "grey"),
        ((211, 211, 211), "light grey"),
        ((226, 0, 116), "pink"),
        ((220, 20, 20), "red"),
        ((0, 0, 110), "dark blue"),
        ((173, 216, 230), "light cyan"),
        ((34, 139, 34), "green"),
        ((139, 69, 19), "brown"),
        ((255, 165, 0), "orange"),
        ((255, 255, 0), "yellow"),
        ((150, 60, 200), "purple"),
    ],
)
def test_a_name(colour: tuple[int, int, int], name: str) -> None:
    assert name_of(*colour) == name


def test_shares() -> None:
    image = Image.new("RGB", (400, 300), "white")
    image.paste((0, 0, 200), (0, 0, 100, 300))
    image.paste((255, 0, 0), (100, 0, 103, 3))
    found = colors(np.ascontiguousarray(np.asarray(image)[:, :, ::-1]))
    assert [(one.name, one.hex, round(one.share, 1)) for one in found] == [
        ("white", "#ffffff", 0.8),
        ("blue", "#0000c8", 0.2),
    ]


def test_a_picture_of_noise_has_a_few() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    assert 1 <= len(colors(noise)) <= 5
