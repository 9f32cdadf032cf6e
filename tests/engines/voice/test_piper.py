import pytest

from stellwerk.engines.voice.piper import pieces


@pytest.mark.parametrize(
    ("phonemes", "cut"),
    [
        ("", [""]),
        ("abc def.", ["abc def."]),
        ("abc, def. ghi jkl", ["abc, def.", "ghi jkl"]),
        ("abcdef, ghi jkl", ["abcdef,", "ghi jkl"]),
        ("abcde fgh ijklm", ["abcde fgh ", "ijklm"]),
        ("abcdefghijklmn", ["abcdefghij", "klmn"]),
        # A mark so early would leave next to nothing.
        ("a, bcdefg hijk", ["a, bcdefg ", "hijk"]),
    ],
)
def test_where_phonemes_are_cut(phonemes: str, cut: list[str]) -> None:
    assert list(pieces(phonemes, 10)) == cut
