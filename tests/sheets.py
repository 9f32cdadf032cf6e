"""Pages with figures on them, drawn by chance: invoices, charts, German scans.

Each page comes with what it says: a question, and the words that a right answer holds.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import reportlab
from PIL import Image, ImageDraw, ImageFont

FONTS = Path(reportlab.__file__).parent / "fonts"
FACES = ("Vera.ttf", "VeraBd.ttf", "VeraIt.ttf")
INKS = ((0, 0, 0), (20, 20, 90), (60, 20, 20), (40, 40, 40))
PAPERS = ((255, 255, 255), (250, 247, 235), (240, 244, 250))
BARS = ((200, 40, 40), (40, 90, 190), (40, 140, 60), (220, 130, 20), (120, 60, 160))
GOODS = ("Lampenschirm", "Weichenöl", "Schwelle", "Signalglas", "Kabeltrommel", "Prüfgerät")
CITIES = ("Köln", "Lübeck", "Görlitz", "Fürth", "Münster", "Tübingen", "Würzburg", "Nürnberg")
# What people ask of a bar.
ASKED = (
    "Wie hoch ist der Wert von {}?",
    "Welchen Wert hat {}?",
    "Welcher Wert steht für {}?",
    "Wie viele Züge hat {}?",
    "Wie viele Züge sind es in {}?",
)
SENTENCES = (
    "Die Prüfung der Anlage verlief ohne größere Störungen.",
    "Übergänge und Brücken wurden gründlich geölt.",
    "Nächste Überprüfung frühestens im März.",
    "Für Rückfragen stehen wir gerne zur Verfügung.",
    "Die Gäste mögen bitte die Türen schließen.",
    "Müde Züge fahren später, schöne Züge früher.",
)


@dataclass(frozen=True)
class Sheet:
    """A page, a question about it, and what a right answer holds."""

    image: Image.Image
    question: str
    figures: Sequence[str]


Draw = Callable[[random.Random], Sheet]


def font(chance: random.Random, size: int, faces: Sequence[str] = FACES) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONTS / chance.choice(faces), size)


def euros(cents: int) -> str:
    return f"{cents // 100:,}".replace(",", ".") + f",{cents % 100:02d}"


def invoice(chance: random.Random) -> Sheet:
    """Goods with prices, net, VAT and total; columns, order of lines and letters by chance."""
    width, height = chance.randint(800, 1100), chance.randint(900, 1200)
    image = Image.new("RGB", (width, height), chance.choice(PAPERS))
    draw, ink = ImageDraw.Draw(image), chance.choice(INKS)
    size = chance.randint(19, 26)
    face, bold = font(chance, size, FACES[:2]), font(chance, size + 10, FACES[1:2])
    left, right = chance.randint(40, 90), width - chance.randint(40, 90)
    y = chance.randint(40, 90)
    number = f"RE-{chance.randint(2020, 2029)}-{chance.randint(1000, 9999)}"
    draw.text((left, y), f"Rechnung {number}", ink, bold)
    y += 3 * size
    draw.text(
        (left, y), f"Datum: {chance.randint(10, 28)}.{chance.randint(10, 12)}.2026", ink, face
    )
    y += 3 * size
    net = 0
    for goods in chance.sample(GOODS, chance.randint(2, 5)):
        cents = chance.randint(500, 90_000)
        net += cents
        draw.text((left, y), goods, ink, face)
        draw.text((right, y), euros(cents), ink, face, anchor="ra")
        y += int(size * chance.uniform(1.7, 2.2))
    draw.line((left, y, right, y), ink, 2)
    y += size
    vat = round(net * 0.19)
    totals = (("Netto", net), ("19% MwSt", vat), ("Gesamtbetrag", net + vat))
    for label, cents in totals:
        draw.text((left + chance.randint(0, 200), y), label, ink, face)
        draw.text((right, y), f"{euros(cents)} EUR", ink, face, anchor="ra")
        y += 2 * size
    return Sheet(image, "Wie hoch ist der Gesamtbetrag der Rechnung?", [euros(net + vat)])


def chart(chance: random.Random) -> Sheet:
    """Bars with their values above and names below."""
    width, height = chance.randint(760, 1100), chance.randint(480, 700)
    image = Image.new("RGB", (width, height), chance.choice(PAPERS))
    draw, ink = ImageDraw.Draw(image), chance.choice(INKS)
    face, title = font(chance, 20, FACES[:2]), font(chance, 28, FACES[:2])
    draw.text((width / 2, 40), "Züge je Bahnhof", ink, title, anchor="mm")
    cities = chance.sample(CITIES, chance.randint(3, 5))
    values = {city: chance.randint(101, 989) for city in cities}
    step, floor = (width - 120) / len(cities), height - 80
    for number, (city, value) in enumerate(values.items()):
        middle = 60 + step * (number + 0.5)
        top = floor - (height - 200) * value / 1000
        bar = (middle - step * 0.3, top, middle + step * 0.3, floor)
        draw.rectangle(bar, chance.choice(BARS))
        draw.text((middle, top - 16), str(value), ink, face, anchor="mm")
        draw.text((middle, floor + 24), city, ink, face, anchor="mm")
    draw.line((50, floor, width - 50, floor), ink, 2)
    city = chance.choice(cities)
    return Sheet(image, chance.choice(ASKED).format(city), [city, str(values[city])])


def scan(chance: random.Random) -> Sheet:
    """A German letter: tilted, grey and grainy."""
    width, height = chance.randint(900, 1200), chance.randint(700, 900)
    page = Image.new("L", (width, height), chance.randint(225, 255))
    draw = ImageDraw.Draw(page)
    face = font(chance, chance.randint(22, 27), FACES[:2])
    left, y = chance.randint(60, 140), chance.randint(70, 130)
    track, metres = chance.randint(11, 99), chance.randint(1100, 9900)
    said = f"Die Länge von Gleis {track} beträgt {metres} Meter."
    lines = [*chance.sample(SENTENCES, 4), said]
    chance.shuffle(lines)
    for line in lines:
        draw.text((left, y), line, chance.randint(0, 60), face)
        y += chance.randint(60, 90)
    page = page.rotate(
        chance.uniform(-1.5, 1.5), Image.Resampling.BICUBIC, fillcolor=255, expand=False
    )
    grain = np.random.default_rng(chance.getrandbits(32)).normal(0, 12, (height, width))
    noisy = np.clip(np.asarray(page) + grain, 0, 255).astype(np.uint8)
    question = f"Wie lang ist Gleis {track}?"
    return Sheet(Image.fromarray(noisy).convert("RGB"), question, ["Länge", str(metres)])


KINDS: dict[str, Draw] = {"invoice": invoice, "chart": chart, "scan": scan}
