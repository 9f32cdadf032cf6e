"""What of a page image is embedded: the text of its regions, small and large.

A question about a page may speak of one label, of a paragraph or of the page as a whole. So each
has a vector of its own: short lines, blocks of lines that stand together, and the whole text in
windows. The page counts for the closest of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Characters.
WINDOW, WINDOWS = 600, 4
BLOCK = 240
LABEL = 60
# Vectors of one page.
MOST = 96
# Lines are of one block when the gap between them is at most this share of their height.
BELOW, BESIDE = 0.9, 1.2

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text and its box: left, top, right, bottom."""

    text: str
    box: Box


def regions(lines: Sequence[Line]) -> list[str]:
    """The texts to embed, each once, the large ones first; at most `MOST`."""
    whole = [line.text for line in lines]
    windows = list(_packed(whole, WINDOW))[:WINDOWS]
    grouped = blocks(lines)
    parts = [part for block in grouped for part in _packed([one.text for one in block], BLOCK)]
    labels = [line.text for line in lines if len(line.text) <= LABEL]
    found = dict.fromkeys(
        text for text in (*windows, *parts, *labels) if any(sign.isalnum() for sign in text)
    )
    return list(found)[:MOST]


def blocks(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines that stand together, in reading order."""
    owner = list(range(len(lines)))

    def root(place: int) -> int:
        while owner[place] != place:
            owner[place] = owner[owner[place]]
            place = owner[place]
        return place

    for place, line in enumerate(lines):
        for other in range(place):
            if _together(line.box, lines[other].box):
                owner[root(place)] = root(other)
    found: dict[int, list[Line]] = {}
    for place, line in enumerate(lines):
        found.setdefault(root(place), []).append(line)
    return list(found.values())


def _together(one: Box, two: Box) -> bool:
    height = min(one[3] - one[1], two[3] - two[1])
    below = max(one[1], two[1]) - min(one[3], two[3])
    beside = max(one[0], two[0]) - min(one[2], two[2])
    if beside < 0:
        return below < BELOW * height
    return below < 0 and beside < BESIDE * height


def _packed(texts: Sequence[str], size: int) -> Iterator[str]:
    """Lines joined, as many as fit; a longer line is cut."""
    held = ""
    for text in texts:
        if held and len(held) + len(text) >= size:
            yield held
            held = ""
        held = f"{held}\n{text}" if held else text
        while len(held) > size:
            yield held[:size]
            held = held[size:]
    if held:
        yield held
