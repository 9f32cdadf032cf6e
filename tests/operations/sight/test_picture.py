"""What is taken for a picture, and what is said of all else."""

import base64
from urllib.parse import quote

import pytest

from stellwerk.operations.sight.picture import (
    PictureError,
    PictureTooLargeError,
    data_of,
    picture_of,
)
from tests import pictures

MOST = 50_000_000


@pytest.mark.parametrize(
    ("form", "kind"),
    [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp"), ("GIF", "image/gif")],
)
def test_it_is_what_its_bytes_say(form: str, kind: str) -> None:
    data = pictures.plain(form=form)
    assert data_of(pictures.uri(data, "image/tiff"), "p") == data
    picture = picture_of(data, "p", MOST)
    assert (picture.form, picture.width, picture.height) == (form, 60, 40)
    assert picture.url == pictures.uri(data, kind)


def test_lines_of_base64_may_be_broken() -> None:
    data = pictures.plain()
    text = "data:image/png;charset=x;base64,\n" + base64.encodebytes(data).decode()
    assert data_of(text, "p") == data


def test_base64_may_be_written_as_in_other_urls() -> None:
    data = bytes(range(256))
    text = base64.b64encode(data).decode()
    assert "+" in text
    for safe in ("", "/="):
        assert data_of("DATA:image/png;base64," + quote(text, safe=safe), "p") == data


@pytest.mark.parametrize(
    "url",
    [
        "data:,hello",
        "data:image/png,abc",
        "data:image/png;base64,???",
        "data:image/png;base64,abc",
        "data:image/png;base64,\N{SNOWMAN}",
    ],
)
def test_what_is_no_data_url(url: str) -> None:
    with pytest.raises(PictureError) as caught:
        data_of(url, "messages[0]")
    assert caught.value.param == "messages[0]"


LIES = {
    "nothing": b"",
    "page": b"<html><body>Not found</body></html>",
    "drawing": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "document": b"%PDF-1.7 ...",
    "script": b"%!PS-Adobe-3.0 EPSF-3.0\n(rm) run",
    "head": pictures.plain()[:20],
    "bitmap": pictures.plain(form="BMP"),
}


@pytest.mark.parametrize("name", LIES)
def test_what_is_no_picture(name: str) -> None:
    with pytest.raises(PictureError, match="PNG, JPEG, WEBP, GIF") as caught:
        picture_of(LIES[name], "p", MOST)
    assert (caught.value.param, caught.value.code) == ("p", "invalid_image")


@pytest.mark.parametrize("size", [(60_000, 60_000), (10_000, 10_000), (7_100, 7_100)])
def test_a_bomb_is_not_opened(size: tuple[int, int]) -> None:
    with pytest.raises(PictureTooLargeError, match="50000000 pixels"):
        picture_of(pictures.bomb(*size), "p", MOST)
