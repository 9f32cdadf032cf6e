"""A corpus whose truth is known: pages in German and English, and questions with their pages.

All of it comes from a seed: the places, the figures and the codes that questions ask for, and which
of three layouts each page has. Kinds of pages: running text, tables, charts (a text layer that says
little, and a picture with the labels), scans (nothing but a noisy picture, tilted by two degrees)
and slides. What a question of kind `chart` or `scan` asks for exists only as pixels.
"""

import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import reportlab
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

Kind = Literal["text", "table", "chart", "scan", "slide"]
Language = Literal["de", "en"]
KINDS: tuple[Kind, ...] = ("text", "table", "chart", "scan", "slide")
PIXELS: set[Kind] = {"chart", "scan"}

FONTS = Path(reportlab.__file__).parent / "fonts"
PLACES = (
    *("Altona", "Bergen", "Celle", "Dessau", "Eutin", "Fulda", "Gotha", "Husum", "Itzehoe", "Jena"),
    *("Kassel", "Lemgo", "Minden", "Norden", "Oschatz", "Plauen", "Rheine", "Stade", "Torgau"),
    *("Uelzen", "Verden", "Wismar", "Xanten", "Zwickau", "Ashford", "Bedford", "Crewe", "Derby"),
    *("Exeter", "Felixstowe", "Grimsby", "Hexham", "Ipswich", "Kendal", "Luton", "Matlock"),
    *("Newark", "Oxford", "Penrith", "Redcar", "Selby", "Thirsk", "Ulverston", "Whitby", "York"),
    *("Barrow", "Carlisle", "Dover", "Goole", "Harwich", "Keswick", "Leeds", "Malton", "Skipton"),
    *("Aurich", "Bautzen", "Coburg", "Dachau", "Erding", "Freising", "Goslar", "Hameln"),
    *("Boston", "Durham", "Epping", "Filey", "Cuxhaven", "Ebersbach"),
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a page is about, in both languages: its name, what is measured, and some prose."""

    name: dict[Language, str]
    measure: dict[Language, str]
    prose: dict[Language, str]


SUBJECTS = (
    Subject(
        {"de": "Weichenheizung", "en": "points heating"},
        {"de": "Verbrauch in kWh", "en": "consumption in kWh"},
        {
            "de": "Die Heizung hält die Zungen im Winter frei von Eis und Schnee.",
            "en": "The heating keeps the blades free of ice and snow in winter.",
        },
    ),
    Subject(
        {"de": "Fahrkartenverkauf", "en": "ticket sales"},
        {"de": "Einnahmen in Euro", "en": "revenue in pounds"},
        {
            "de": "Am Schalter und am Automaten werden Karten für alle Strecken verkauft.",
            "en": "Tickets for all lines are sold at the counter and by machines.",
        },
    ),
    Subject(
        {"de": "Gleisschotter", "en": "track ballast"},
        {"de": "Lieferung in Tonnen", "en": "delivery in tonnes"},
        {
            "de": "Der Schotter trägt die Schwellen und leitet das Regenwasser ab.",
            "en": "The ballast carries the sleepers and drains the rain water.",
        },
    ),
    Subject(
        {"de": "Kantine", "en": "staff canteen"},
        {"de": "Mahlzeiten im Monat", "en": "meals a month"},
        {
            "de": "Mittags gibt es zwei warme Gerichte, eines davon ohne Fleisch.",
            "en": "At noon there are two warm dishes, one of them without meat.",
        },
    ),
    Subject(
        {"de": "Bahnsteigbeleuchtung", "en": "platform lighting"},
        {"de": "Anzahl der Leuchten", "en": "number of lamps"},
        {
            "de": "Die Leuchten schalten sich in der Dämmerung von selbst ein.",
            "en": "The lamps switch on by themselves at dusk.",
        },
    ),
    Subject(
        {"de": "Lärmschutzwand", "en": "noise barrier"},
        {"de": "Länge in Metern", "en": "length in metres"},
        {
            "de": "Die Wand schützt die Anwohner vor dem Lärm der Güterzüge.",
            "en": "The barrier shields the neighbours from the noise of goods trains.",
        },
    ),
)
WORDS: dict[Language, dict[str, str]] = {
    "de": {
        "title": "{name} in {place}",
        "fact": "{measure} in {place}: {value}. Prüfnummer {code}.",
        "note": "Bericht der Betriebsleitung, erstellt für die jährliche Durchsicht aller Anlagen.",
        "meaning": "Wie groß ist {measure} bei {name} in {place}?",
        "code": "Wozu gehört die Prüfnummer {code}?",
        "columns": "Ort|Größe|Prüfnummer",
    },
    "en": {
        "title": "{name} at {place}",
        "fact": "{measure} at {place}: {value}. Inspection number {code}.",
        "note": "Report of the operations office, made for the yearly review of all installations.",
        "meaning": "What is the {measure} of the {name} at {place}?",
        "code": "What does inspection number {code} belong to?",
        "columns": "Place|Size|Inspection number",
    },
}


@dataclass(frozen=True, slots=True)
class Leaf:
    """One page to be drawn."""

    kind: Kind
    language: Language
    place: str
    subject: Subject
    value: int
    code: str
    layout: int

    def say(self, what: str) -> str:
        return WORDS[self.language][what].format(
            name=self.subject.name[self.language],
            measure=self.subject.measure[self.language],
            place=self.place,
            value=self.value,
            code=self.code,
        )


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, the document and page (from 1) that answer it, and what it needs."""

    text: str
    document: str
    page: int
    kind: Kind
    rare: bool


@dataclass(frozen=True, slots=True)
class Corpus:
    """PDF files by name, and the questions."""

    documents: dict[str, bytes]
    questions: list[Question]
    pages: int


def build(seed: int, each: int = 13, questions: int = 60) -> Corpus:
    """`each` pages of every kind; the questions are spread evenly over the kinds.

    Every fourth question names a rare identifier, the others ask for the meaning.
    """
    chance = random.Random(seed)
    places = chance.sample(PLACES, len(PLACES))
    leaves: dict[Kind, list[Leaf]] = {}
    for kind in KINDS:
        leaves[kind] = [_leaf(chance, kind, number, places) for number in range(each)]
    documents = {f"{kind}.pdf": _pdf(found, chance) for kind, found in leaves.items()}
    asked: list[Question] = []
    for number in range(questions):
        kind = KINDS[number % len(KINDS)]
        page = number // len(KINDS) % each
        rare = number // len(KINDS) % 4 == 3
        leaf = leaves[kind][page]
        text = leaf.say("code" if rare else "meaning")
        asked.append(Question(text, f"{kind}.pdf", page + 1, kind, rare))
    return Corpus(documents, asked, each * len(KINDS))


def _leaf(chance: random.Random, kind: Kind, number: int, places: Sequence[str]) -> Leaf:
    place = places[(KINDS.index(kind) * 13 + number) % len(places)]
    letters = "".join(chance.choices("BCDFGHKLMNPRTVXZ", k=2))
    return Leaf(
        kind=kind,
        language="de" if number % 2 == 0 else "en",
        place=place,
        subject=chance.choice(SUBJECTS),
        value=chance.randint(110, 9890),
        code=f"{letters}-{chance.randint(1000, 9999)}",
        layout=chance.randrange(3),
    )


def _pdf(leaves: Sequence[Leaf], chance: random.Random) -> bytes:
    target = io.BytesIO()
    slides = leaves[0].kind == "slide"
    canvas = Canvas(target, pagesize=landscape(A4) if slides else A4, invariant=1)
    for leaf in leaves:
        DRAWN[leaf.kind](canvas, leaf, chance)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def _text(canvas: Canvas, leaf: Leaf, _: random.Random) -> None:
    prose = leaf.subject.prose[leaf.language]
    orders = (
        [leaf.say("title"), prose, leaf.say("fact"), leaf.say("note")],
        [leaf.say("note"), leaf.say("title"), leaf.say("fact"), prose],
        [leaf.say("title"), leaf.say("note"), prose, leaf.say("fact")],
    )
    left, top, step = ((60, 780, 22), (90, 700, 30), (120, 500, 18))[leaf.layout]
    _lines(canvas, orders[leaf.layout], left, top, step)


def _lines(canvas: Canvas, lines: Sequence[str], left: float, top: float, step: float) -> None:
    for number, line in enumerate(lines):
        canvas.drawString(left, top - number * step, line)


def _table(canvas: Canvas, leaf: Leaf, _: random.Random) -> None:
    heads = leaf.say("columns").split("|")
    rows = [heads, [leaf.place, f"{leaf.value}", leaf.code]]
    left, top, wide = ((60, 700, 150), (80, 560, 120), (60, 420, 170))[leaf.layout]
    canvas.drawString(left, top + 40, leaf.say("title"))
    canvas.drawString(left, top + 22, leaf.subject.measure[leaf.language])
    if leaf.layout == 2:
        rows = [list(row) for row in zip(*rows, strict=True)]
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            canvas.rect(left + x * wide, top - y * 24 - 6, wide, 24)
            canvas.drawString(left + x * wide + 6, top - y * 24, cell)


def _slide(canvas: Canvas, leaf: Leaf, _: random.Random) -> None:
    canvas.setFont("Helvetica-Bold", 30)
    left, top = ((60, 520), (200, 480), (60, 300))[leaf.layout]
    canvas.drawString(left, top, leaf.say("title"))
    canvas.setFont("Helvetica", 20)
    _lines(canvas, [leaf.subject.prose[leaf.language], leaf.say("fact")], left, top - 60, 40)
    canvas.setFillColorRGB(0.2, 0.4, 0.7)
    canvas.rect(0, (0, 560, 0)[leaf.layout], 842, 30, fill=1)


def _chart(canvas: Canvas, leaf: Leaf, chance: random.Random) -> None:
    """The text layer says only that there is a report; all labels are in the picture."""
    canvas.drawString(60, 790, leaf.say("note"))
    image = Image.new("RGB", (1000, 700), "white")
    draw = ImageDraw.Draw(image)
    (_bars, _rows, _ring)[leaf.layout](draw, leaf, chance)
    canvas.drawImage(ImageReader(image), 50, 380, width=500, height=350)


def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONTS / "Vera.ttf", size)


def _others(leaf: Leaf, chance: random.Random) -> list[tuple[str, int]]:
    """The place of the page among years that nobody asks for."""
    years = [(str(2018 + number), chance.randint(110, 9890)) for number in range(4)]
    return [*years, (leaf.place, leaf.value)]


def _bars(draw: ImageDraw.ImageDraw, leaf: Leaf, chance: random.Random) -> None:
    draw.text((60, 30), leaf.say("title"), fill="black", font=_font(36))
    draw.text((60, 85), f"{leaf.subject.measure[leaf.language]}, {leaf.code}", 0, _font(26))
    for number, (label, value) in enumerate(_others(leaf, chance)):
        left, top = 80 + number * 180, 600 - value // 25
        draw.rectangle((left, top, left + 110, 600), fill=(70, 120, 190))
        draw.text((left, top - 34), str(value), fill="black", font=_font(26))
        draw.text((left, 615), label, fill="black", font=_font(26))


def _rows(draw: ImageDraw.ImageDraw, leaf: Leaf, chance: random.Random) -> None:
    for number, (label, value) in enumerate(_others(leaf, chance)):
        top = 60 + number * 95
        draw.text((40, top + 10), label, fill="black", font=_font(28))
        draw.rectangle((260, top, 260 + value // 18, top + 55), fill=(190, 110, 60))
        draw.text((275 + value // 18, top + 10), str(value), fill="black", font=_font(28))
    draw.text((40, 570), leaf.say("title"), fill="black", font=_font(34))
    draw.text((40, 625), f"{leaf.subject.measure[leaf.language]}, {leaf.code}", 0, _font(26))


def _ring(draw: ImageDraw.ImageDraw, leaf: Leaf, chance: random.Random) -> None:
    colours = ("#3c6", "#c63", "#36c", "#cc3", "#939")
    parts = _others(leaf, chance)
    total, start = sum(value for _, value in parts), 0.0
    for number, (label, value) in enumerate(parts):
        end = start + 360 * value / total
        draw.pieslice((60, 150, 460, 550), start, end, fill=colours[number])
        start = end
        draw.rectangle((540, 180 + number * 70, 580, 220 + number * 70), fill=colours[number])
        draw.text((600, 184 + number * 70), f"{label}: {value}", fill="black", font=_font(28))
    draw.text((200, 30), leaf.say("title"), fill="black", font=_font(34))
    draw.text((200, 85), f"{leaf.subject.measure[leaf.language]}, {leaf.code}", 0, _font(26))


def _scan(canvas: Canvas, leaf: Leaf, chance: random.Random) -> None:
    """A page of paper: grain, grey, two degrees of tilt to one side or the other."""
    image = Image.new("L", (1240, 1754), 248)
    draw = ImageDraw.Draw(image)
    prose = leaf.subject.prose[leaf.language]
    lines = [leaf.say("title"), prose, *leaf.say("fact").split(". "), leaf.say("note")[:60]]
    left, top, step, size = (
        (120, 200, 70, 30),
        (180, 700, 60, 28),
        (110, 1100, 90, 32),
    )[leaf.layout]
    for number, line in enumerate(lines):
        draw.text((left, top + number * step), line, fill=30, font=_font(size))
    tilted = image.rotate(chance.choice((-2, 2)), fillcolor=235, resample=Image.Resampling.BICUBIC)
    grain = np.random.default_rng(chance.randrange(2**32)).normal(0, 22, (1754, 1240))
    noisy = np.clip(np.asarray(tilted) + grain, 0, 255).astype(np.uint8)
    paper = io.BytesIO()
    Image.fromarray(noisy).save(paper, "JPEG", quality=70)
    canvas.drawImage(ImageReader(paper), 0, 0, width=A4[0], height=A4[1])


DRAWN: dict[Kind, Callable[[Canvas, Leaf, random.Random], None]] = {
    "text": _text,
    "table": _table,
    "chart": _chart,
    "scan": _scan,
    "slide": _slide,
}
