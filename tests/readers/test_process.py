"""Every kind of file, and every way in which one may be bad, through the child process."""

import io
import os
from pathlib import Path

import psutil
import pytest
from PIL import Image

from stellwerk.ports.reading import InvalidFileError, Page, UnsupportedFileError
from stellwerk.readers.limits import Limits
from stellwerk.readers.process import ProcessReader
from tests import documents
from tests.callers import callers

HTML = """<!DOCTYPE html><html><head><title>x</title><script>alert(1)</script></head><body>
<h1>Fahr&shy;plan</h1><p>Von <b>Ham</b>burg
nach Köln.</p><!-- no --><table><tr><td>Zug</td><td>Gleis</td></tr></table>
<img src="URL/pixel.png"><link rel="stylesheet" href="URL/a.css"><iframe src="URL/"></iframe>
<script src="URL/a.js">document.write("bad")</script><object data="URL/o"></object></body></html>"""


async def read(
    directory: Path, name: str, data: bytes, limits: Limits | None = None, first: int = 1
) -> list[Page]:
    path = directory / "file"
    path.write_bytes(data)
    return [page async for page in ProcessReader(limits).pages(path, name, first=first)]


def size_of(picture: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(picture), formats=["PNG"]) as image:
        return image.size


async def test_pdf(tmp_path: Path) -> None:
    pages = await read(tmp_path, "a.pdf", documents.pdf(["Erste Seite: Größe 3", "Zweite\nSeite"]))
    assert [(page.number, page.text, page.total) for page in pages] == [
        (1, "Erste Seite: Größe 3", 2),
        (2, "Zweite\nSeite", 2),
    ]
    assert [size_of(page.pictures[0]) for page in pages] == [(725, 1024)] * 2


async def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    data = documents.pdf([f"Seite {number}" for number in range(1, 6)])
    pages = await read(tmp_path, "a.pdf", data, first=4)
    assert [page.text for page in pages] == ["Seite 4", "Seite 5"]
    assert await read(tmp_path, "a.pdf", data, first=6) == []


async def test_word(tmp_path: Path) -> None:
    pages = await read(tmp_path, "a.docx", documents.word())
    assert pages[0].text.split("\n") == [
        *("", "# Prüfbericht", "Die Weiche 17 klemmt bei Frost."),
        *("Teil | Stück", "Zunge | 4"),
    ]
    assert (pages[1].text, len(pages[1].pictures), len(pages)) == ("Nach dem Umbruch.", 1, 2)


async def test_slides(tmp_path: Path) -> None:
    one, two = await read(tmp_path, "a.pptx", documents.slides())
    assert one.text == "Quartalszahlen\nUmsatz | 12,4 Mio\nHier langsam sprechen."
    assert (two.text, [size_of(picture) for picture in two.pictures]) == ("", [(600, 300)])


async def test_workbook(tmp_path: Path) -> None:
    one, two = await read(tmp_path, "a.xlsx", documents.workbook())
    assert one.text == "# Lager\nTeil | Menge\nLampe | 3"
    assert two.text == "# Leer"


async def test_a_sheet_that_is_too_long_for_a_page(tmp_path: Path) -> None:
    rows = [("Bahnhof" * 10, f"Gleis {number}") for number in range(26_000)]
    pages = await read(tmp_path, "a.xlsx", documents.workbook({"Lang": rows, "Kurz": [("x",)]}))
    assert "".join(page.text for page in pages[:-1]).splitlines() == [
        *("# Lang", *(" | ".join(row) for row in rows))
    ]
    assert pages[-1] == Page(len(pages), "# Kurz\nx", (), len(pages))
    later = await read(tmp_path, "a.xlsx", documents.workbook({"Lang": rows}), first=100)
    assert later[0] == pages[99]


async def test_html_is_read_and_nothing_fetched(tmp_path: Path) -> None:
    async with callers() as server:
        (page,) = await read(tmp_path, "a.html", HTML.replace("URL", server.url).encode())
    assert server.number == 0
    assert page.text == "# Fahr\xadplan\nVon Hamburg nach Köln.\nZug | Gleis"


async def test_mail(tmp_path: Path) -> None:
    (page,) = await read(tmp_path, "a.eml", documents.mail())
    assert page.text.splitlines() == [
        *("From: leitstelle@example.org", "To: werk@example.org", "Subject: Störung in Köln"),
        *("Attached: plan.pdf", "", "Bitte Gleis 3 sperren."),
    ]


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.csv", "a.json", "a"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
async def test_text(tmp_path: Path, name: str, encoding: str) -> None:
    text = "Größe;Maß\nÄhre;5 Stück, für den Müller und seine schöne Tochter\n"
    (page,) = await read(tmp_path, name, text.encode(encoding))
    assert (page.text, page.pictures) == (text, ())


async def test_long_text_is_cut_between_words(tmp_path: Path) -> None:
    text = "Ein Satz, der sich wiederholt.\n" * 5000
    pages = await read(tmp_path, "a.txt", text.encode())
    assert "".join(page.text for page in pages) == text
    assert len(pages) == pages[0].total == 10
    assert all(page.text.endswith(".\n") for page in pages)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
async def test_pictures(tmp_path: Path, form: str) -> None:
    data = documents.picture("Weiche 17", (2048, 512), form)
    (page,) = await read(tmp_path, "photo", data)
    assert (page.text, size_of(page.pictures[0])) == ("", (1024, 256))


async def test_the_content_says_what_it_is(tmp_path: Path) -> None:
    (page,) = await read(tmp_path, "notes.txt", documents.pdf(["Ein PDF"]))
    assert (page.text, len(page.pictures)) == ("Ein PDF", 1)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.pdf", documents.pdf(["x"], password="geheim"), "encrypted"),
        ("a.pdf", documents.pdf(["x"])[:300], "PDF is broken"),
        ("a.pdf", b"%PDF-1.7\n" + os.urandom(5000), "PDF is broken"),
        ("a.docx", documents.bomb(), "so much more than its size"),
        ("a.docx", documents.forged(), "file is broken"),
        ("a.docx", documents.laughs(), "file is broken"),
        ("a.docx", documents.word()[:5000], "broken ZIP"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "encrypted"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "workbook is broken"),
        ("a.png", documents.picture()[:200], "picture cannot be read"),
        ("a.png", documents.picture(size=(11_000, 11_000)), "more than 100000000 pixels"),
    ],
)
async def test_a_bad_file_is_explained(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    with pytest.raises(InvalidFileError, match=said):
        await read(tmp_path, name, data)


@pytest.mark.parametrize(
    "said", ["BMW und Bahn.", "GIF8 ist kein Bild.", "Ein PDF beginnt mit %PDF-1.7.", "%PD", "RIFF"]
)
async def test_text_that_begins_like_something_else(tmp_path: Path, said: str) -> None:
    (page,) = await read(tmp_path, "a.txt", said.encode())
    assert (page.text, page.pictures) == (said, ())


@pytest.mark.parametrize(
    "head", ["\ufeff", '<?xml version="1.0" encoding="UTF-8"?>\n', "<!-- Stand: heute -->\n"]
)
async def test_a_page_of_the_web_without_a_name(tmp_path: Path, head: str) -> None:
    data = f"{head}<!DOCTYPE html><html><body><p>Gleis <b>3</b></p></body></html>"
    (page,) = await read(tmp_path, "page", data.encode())
    assert page.text == "Gleis 3"


async def test_a_word_file_whose_main_part_has_another_name(tmp_path: Path) -> None:
    pages = await read(tmp_path, "a.docx", documents.renamed_word())
    assert "Die Weiche 17 klemmt bei Frost." in pages[0].text


MAIL = b"From: a@example.org\r\nSubject: %b\r\nContent-Type: text/plain%b\r\n\r\n%b\r\n"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (MAIL % (b"x", b"; charset=x-unknown-7", "Gleis für Züge".encode()), "Gleis für Züge"),
        (MAIL % ("Größe".encode("cp1252"), b"", b"Gleis 3"), "Gleis 3"),
        (MAIL % (b"x", b"; charset=utf-8", "Gr\xf6\xdfe 3".encode("cp1252")), "e 3"),
        (MAIL % (b"=?x-unknown-7?q?a?=", b"", b"Gleis 3"), "Gleis 3"),
    ],
)
async def test_mail_in_strange_characters(tmp_path: Path, data: bytes, said: str) -> None:
    (page,) = await read(tmp_path, "a.eml", data)
    assert said in page.text


@pytest.mark.parametrize("mode", ["I;16", "I", "F", "1", "LA", "PA", "CMYK", "YCbCr", "LAB"])
async def test_pictures_of_all_depths(tmp_path: Path, mode: str) -> None:
    """A dark left and a light right half stay what they are."""
    (page,) = await read(tmp_path, "photo", documents.halves(mode))
    with Image.open(io.BytesIO(page.pictures[0]), formats=["PNG"]) as image:
        dark, light = (image.convert("L").getpixel((x, 50)) for x in (20, 180))
    assert isinstance(dark, int | float)
    assert isinstance(light, int | float)
    assert dark < 110
    assert light > 190


async def test_html_that_nests_deep(tmp_path: Path) -> None:
    (page,) = await read(tmp_path, "a.html", b"<div>" * 400 + b"Gleis 3" + b"</div>" * 400)
    assert page.text == "Gleis 3"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.exe", b"MZ\x90\0\3\0\0\0" * 100),
        ("a.pdf", bytes(100)),
        ("a.zip", documents.workbook().replace(b"xl/", b"xx/")),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)),
    ],
)
async def test_what_no_reader_knows(tmp_path: Path, name: str, data: bytes) -> None:
    with pytest.raises(UnsupportedFileError):
        await read(tmp_path, name, data)


async def test_limits(tmp_path: Path) -> None:
    data = documents.pdf(["x"] * 20)
    with pytest.raises(InvalidFileError, match="20 pages; 10 are the limit"):
        await read(tmp_path, "a.pdf", data, Limits(pages=10))
    with pytest.raises(InvalidFileError, match=r"longer than 0.01 seconds"):
        await read(tmp_path, "a.pdf", data, Limits(page_seconds=0.01))
    with pytest.raises(InvalidFileError, match=r"memory|took more than"):
        await read(tmp_path, "a.txt", b"x" * (128 * 2**20), Limits(memory=200 * 2**20))


async def test_no_child_outlives_its_reader(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(documents.pdf(["Seite"] * 50))
    before = set(psutil.Process().children())
    pages = ProcessReader().pages(path, "a.pdf")
    assert (await anext(pages)).number == 1
    assert set(psutil.Process().children()) > before
    await pages.aclose()
    assert set(psutil.Process().children()) == before


async def test_the_child_sees_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "geheim")
    path = tmp_path / "file"
    path.write_bytes(documents.pdf(["Seite"] * 50))
    before = set(psutil.Process().children())
    pages = ProcessReader().pages(path, "a.pdf")
    await anext(pages)
    (child,) = set(psutil.Process().children()) - before
    assert "geheim" not in "".join(child.environ().values())
    await pages.aclose()


@pytest.mark.long
async def test_a_pdf_of_ten_thousand_pages(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(documents.pdf([f"Seite {number}" for number in range(1, 10_001)]))
    count = 0
    async for page in ProcessReader().pages(path, "a.pdf", pictures="none"):
        count += 1
        assert page.text == f"Seite {count}"
    assert count == 10_000
