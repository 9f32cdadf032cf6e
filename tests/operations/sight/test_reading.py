"""A picture as the text that a model is given."""

import pytest

from stellwerk.operations.sight.picture import Picture
from stellwerk.operations.sight.reading import words
from stellwerk.wire.ocr import OcrColor, OcrPage, OcrRegion

PICTURE = Picture(b"", "PNG", 400, 300)
WHITE = [OcrColor(name="white", hex="#ffffff", share=0.934)]
HEAD = (
    "[Image: PNG, 400 x 300 pixels; colours white 93%. The text in it, row by row behind its "
    "place (x, y in pixels from the top left):"
)


def region(text: str, left: float, top: float) -> OcrRegion:
    return OcrRegion(text=text, box=(left, top, left + 90, top + 20), score=0.9)


def test_rows_with_places() -> None:
    lines = [region("Summe", 20, 100), region("12,50 EUR", 300, 103), region("Danke!", 20, 140)]
    page = OcrPage(markdown="", regions=lines, colors=WHITE)
    assert words(PICTURE, page, "Image", places=True).splitlines() == [
        HEAD,
        "(20,100) Summe  (300,103) 12,50 EUR",
        "(20,140) Danke!",
        "End of Image.]",
    ]
    assert "Summe: 12,50 EUR\nDanke!" in words(PICTURE, page, "Image", places=False)


def test_what_stands_below_each_other() -> None:
    """Bars with values above and names below, and a table's columns under their heads."""
    bars = [region("Trains", 20, 5), region("934", 200, 20), region("474", 20, 50)]
    bars.append(region("Ulm", 20, 99))
    page = OcrPage(markdown="", regions=[*bars, region("Görlitz", 200, 99)])
    told = words(PICTURE, page, "Image", places=False)
    assert "What stands below each other:\nUlm: 474\nGörlitz: 934\n" in told
    barred = [*bars, region("_", 20, 70), region("\u2014", 200, 60), region("Görlitz", 200, 99)]
    page = OcrPage(markdown="", regions=barred)
    assert words(PICTURE, page, "Image", places=False) == told
    only = OcrPage(markdown="_", regions=[region("_", 20, 70)])
    assert "holds no text" in words(PICTURE, only, "Image", places=False)
    heads = [region("Jan", 20, 20), region("Feb", 200, 20), region("1,50", 20, 50)]
    rest = [region("2 kg", 200, 50), region("7,25", 20, 80), region("net", 200, 120)]
    rest += [region("gross", 20, 120), region("net", 20, 150)]
    page = OcrPage(markdown="", regions=[*heads, *rest])
    told = words(PICTURE, page, "Image", places=False)
    assert "What stands below each other:\nJan: 1,50, 7,25\nnet: 2 kg\n" in told
    words_only = OcrPage(markdown="", regions=[heads[0], rest[2], heads[1], *rest[3:]])
    assert "below each other" not in words(PICTURE, words_only, "Image", places=False)


@pytest.mark.parametrize(("pieces", "places"), [(5, False), (6, True)])
def test_colours(pieces: int, places: bool) -> None:
    """Those of a page full of text are told only to who looks closely."""
    page = OcrPage(markdown="", regions=[region("a", 0, 30 * row) for row in range(pieces)])
    page.colors = WHITE
    assert "colours white 93%" in words(PICTURE, page, "Image", places=places)
    page.regions.append(region("a", 0, 250))
    assert ("colours" in words(PICTURE, page, "Image", places=places)) is places


def test_a_reader_that_tells_no_places() -> None:
    page = OcrPage(markdown="# Bill\n\nSum: 3")
    told = words(PICTURE, page, "Image 2 of 3", places=True)
    assert told.splitlines() == [
        "[Image 2 of 3: PNG, 400 x 300 pixels. The text in it, row by row:",
        "# Bill",
        "Sum: 3",
        "End of Image 2 of 3.]",
    ]


def test_a_picture_without_text_says_so() -> None:
    told = words(PICTURE, OcrPage(markdown=" \n", colors=WHITE), "Image", places=False)
    assert "PNG, 400 x 300 pixels; colours white 93%" in told
    assert "holds no text" in told
    assert "not known" in told
