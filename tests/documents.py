"""Documents of all kinds, built by other libraries than those that read them, where there are."""

import io
import zipfile
from collections.abc import Sequence
from email.message import EmailMessage

import docx
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


def workbook() -> bytes:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target) as book:
        for name, rows in {"Lager": [("Teil", "Menge"), ("Lampe", 3)], "Leer": []}.items():
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


def _saved(document: "docx.document.Document | pptx.presentation.Presentation") -> bytes:
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()
