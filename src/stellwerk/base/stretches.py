"""Long text in stretches, for what cannot take all of it at once."""

from collections.abc import Iterator


def stretches(text: str, length: int) -> Iterator[str]:
    """Of at most `length` characters each, cut after a paragraph, a line or a word where one ends.

    Together they are the text.
    """
    start = 0
    while start < len(text):
        end = start + length
        if end < len(text):
            half = start + length // 2
            ends = (text.rfind(mark, half, end) for mark in ("\n\n", "\n", " "))
            end = next((place + 1 for place in ends if place > 0), end)
        yield text[start:end]
        start = end
