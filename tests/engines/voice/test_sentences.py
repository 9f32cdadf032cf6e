import pytest

from stellwerk.engines.voice.sentences import LONGEST, sentences


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ('He said: "Stop!" Then he went.', ['He said: "Stop!"', "Then he went."]),
        ("A line\nand another\n\n one", ["A line", "and another", "one"]),
        ("It costs 3.14 and 1,000.50 in all.", ["It costs 3.14 and 1,000.50 in all."]),
        ("你好。再见。", ["你好。", "再见。"]),
        (" ... !? \n\n -- ", []),
        ("", []),
        ("A\0b\x01450S c\x1bd\x85e\tf.", ["A b 450S c d e\tf."]),
    ],
)
def test_where_a_text_is_cut(text: str, pieces: list[str]) -> None:
    assert list(sentences(text)) == pieces


def test_a_long_sentence_is_cut_between_words_and_nothing_is_lost() -> None:
    words = [f"word{number}" for number in range(500)]
    pieces = list(sentences(" ".join(words)))
    assert max(len(piece) for piece in pieces) <= LONGEST
    assert " ".join(pieces).split() == words


def test_a_word_without_end_is_cut_too() -> None:
    assert "".join(sentences("a" * 1000)) == "a" * 1000


def test_much_space_takes_little_time() -> None:
    """Looked for from each of its places, the end of so much would not be found in an hour."""
    assert list(sentences("a" + " " * 1_000_000 + "b")) == ["a", "b"]
