"""Documents of all kinds, built by other libraries than those that read them, where there are."""

import io
import itertools
import zipfile
from collections.abc import Callable, Mapping, Sequence
from email.message import EmailMessage

import docx
import numpy as np
import pptx
import xlsxwriter
from docx.enum.text import WD_BREAK
from PIL import Image, ImageDraw
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas


def pdf(pages: Sequence[str], password: str | None = None) -> bytes:
    target = io.BytesIO()
    encryption = StandardEncryption(password) if password else None
    canvas = Canvas(target, pagesize=A4, encrypt=encryption, invariant=1)
    for page in pages:
        text = canvas.beginText(60, 780)
        for line in page.splitlines():
            text.textLine(line)
        canvas.drawText(text)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def empty_pdf() -> bytes:
    """A PDF whose tree of pages has none."""
    objects = (b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>")
    body, places = b"%PDF-1.4\n", list[int]()
    for number, each in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj%b endobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(body)
    body += b"xref\n0 3\n0000000000 65535 f \n" + table + b"trailer<</Root 1 0 R/Size 3>>\n"
    return body + b"startxref\n%d\n%%%%EOF\n" % start


def picture(text: str = "", size: tuple[int, int] = (600, 300), form: str = "PNG") -> bytes:
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text((20, 20), text, fill="black", font_size=40)
    target = io.BytesIO()
    image.save(target, form)
    return target.getvalue()


def word() -> bytes:
    """Two pages: a heading, a paragraph and a table; a picture and a paragraph."""
    document = docx.Document()
    document.add_heading("Prüfbericht", 1)
    document.add_paragraph("Die Weiche 17 klemmt bei Frost.")
    table = document.add_table(rows=2, cols=2)
    for row, cells in zip(table.rows, [("Teil", "Stück"), ("Zunge", "4")], strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
    document.add_picture(io.BytesIO(picture("Weiche")))
    document.add_paragraph("Nach dem Umbruch.")
    return _saved(document)


def slides() -> bytes:
    """Two slides: a title with a table and notes; a picture."""
    deck = pptx.Presentation()
    first = deck.slides.add_slide(deck.slide_layouts[5])
    first.shapes.title.text = "Quartalszahlen"
    shape = first.shapes.add_table(1, 2, *[pptx.util.Inches(n) for n in (1, 2, 4, 1)])
    for cell, text in zip(shape.table.rows[0].cells, ("Umsatz", "12,4 Mio"), strict=True):
        cell.text = text
    first.notes_slide.notes_text_frame.text = "Hier langsam sprechen."
    second = deck.slides.add_slide(deck.slide_layouts[6])
    second.shapes.add_picture(io.BytesIO(picture("Diagramm")), 0, 0)
    return _saved(deck)


STOCK: Mapping[str, Sequence[Sequence[object]]] = {
    "Lager": [("Teil", "Menge"), ("Lampe", 3)],
    "Leer": [],
}


def workbook(sheets: Mapping[str, Sequence[Sequence[object]]] = STOCK) -> bytes:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return target.getvalue()


def mail() -> bytes:
    message = EmailMessage()
    message["From"], message["To"] = "leitstelle@example.org", "werk@example.org"
    message["Subject"] = "Störung in Köln"
    message.set_content("Bitte Gleis 3 sperren.\n")
    message.add_alternative("<p>Bitte <b>Gleis 3</b> sperren.</p>", subtype="html")
    message.add_attachment(b"x", maintype="application", subtype="pdf", filename="plan.pdf")
    return message.as_bytes()


def bomb() -> bytes:
    """A DOCX of some hundred KB that would unpack to 128 MB."""
    target = io.BytesIO(word())
    with (
        zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("word/media/image9.png", "w") as member,
    ):
        for _ in range(128):
            member.write(bytes(2**20))
    return target.getvalue()


DOCUMENT = "word/document.xml"


def forged() -> bytes:
    """A DOCX whose text unpacks to 64 MB and says that it has a thousand bytes."""
    return _word_with(lambda text: text + b" " * 2**26, told=1000)


def laughs() -> bytes:
    """A DOCX with a text that is made of itself, 10 ** 9 times, and of a file of the machine."""
    entities = "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">'
        for before, name in itertools.pairwise("abcdefghij")
    )
    kinds = f'<!DOCTYPE x [<!ENTITY a "ha">{entities}<!ENTITY p SYSTEM "file:///etc/passwd">]>'

    def laughing(text: bytes) -> bytes:
        head, start, rest = text.partition(b"<w:document")
        return head + kinds.encode() + start + rest.replace(b"klemmt", b"&j; &p;")

    return _word_with(laughing)


def linked_word(url: str) -> bytes:
    """A DOCX of two pages whose picture is not in it, but at an address."""
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(word())) as good,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in good.namelist():
            data = good.read(name)
            if name == DOCUMENT:
                data = data.replace(b"r:embed=", b"r:link=")
            if name.endswith("document.xml.rels"):
                inner = b'Target="media/image1.png"'
                assert inner in data
                data = data.replace(inner, f'Target="{url}" TargetMode="External"'.encode())
            archive.writestr(name, data)
    return target.getvalue()


def renamed_word() -> bytes:
    """A DOCX as some programs write it: its main part is called otherwise."""
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(word())) as good,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in good.namelist():
            data = good.read(name).replace(b"word/document.xml", b"word/document2.xml")
            archive.writestr(name.replace("document.xml", "document2.xml"), data)
    return target.getvalue()


def halves(mode: str) -> bytes:
    """A TIFF of 200 x 100 pixels: the left half is dark, the right one light."""
    grey = Image.new("L", (200, 100), 60)
    grey.paste(240, (100, 0, 200, 100))
    most = {"I;16": 257, "I": 257, "F": 1 / 255}.get(mode)
    if most is None:
        image = grey.convert("RGB").convert("P" if mode == "PA" else mode).convert(mode)
    else:
        scaled = np.asarray(grey, dtype=np.float32) * most
        image = Image.fromarray(scaled.astype({"I;16": "u2", "I": "i4", "F": "f4"}[mode]))
    target = io.BytesIO()
    image.save(target, "TIFF")
    return target.getvalue()


def _word_with(change: Callable[[bytes], bytes], told: int | None = None) -> bytes:
    """`word()` with another text, and perhaps with a lie about its size."""
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(word())) as good,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in good.namelist():
            data = good.read(name)
            archive.writestr(name, change(data) if name == DOCUMENT else data)
        if told is not None:
            # The directory at the end of the archive is written when it closes.
            archive.getinfo(DOCUMENT).file_size = told
    return target.getvalue()


def _saved(document: "docx.document.Document | pptx.presentation.Presentation") -> bytes:
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()
