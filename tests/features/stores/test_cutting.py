"""How pages are cut, whatever is on them."""

import pytest

from stellwerk.features.stores.cutting import STRETCH, cut


def test_it_cuts_between_sentences() -> None:
    said = "Gleis drei ist frei. " * 30
    chunks = cut(said, 100, 0)
    assert all(len(chunk) <= 100 and chunk.endswith(".") for chunk in chunks)
    assert " ".join(chunks) == said.strip()


@pytest.mark.parametrize("unit", ["a", "x\n", "Gleis drei. "])
def test_a_very_long_page(unit: str) -> None:
    """A million characters: as one text they would take minutes, and the test its time limit."""
    text = unit * (1_000_000 // len(unit))
    chunks = cut(text, 1024, 100)
    assert 900 < len(chunks) < 1400
    assert all(len(chunk) <= 1024 for chunk in chunks)
    assert len(text) > STRETCH
