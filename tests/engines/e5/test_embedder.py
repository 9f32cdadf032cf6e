from collections.abc import Iterator

import numpy as np
import pytest

from stellwerk.engines.e5.embedder import MAX_TOKENS, Embedder, pieces
from stellwerk.engines.e5.spec import weights
from stellwerk.engines.e5.texts import Text, TooLongError


def text(content: str = "x", is_query: bool = False) -> Text:
    return Text("input", content, is_query)


@pytest.fixture(scope="module")
def embedder() -> Iterator[Embedder]:
    embedder = Embedder(weights(()), threads=1)
    yield embedder
    embedder.close()


def test_a_piece_has_few_texts() -> None:
    cut = list(pieces([text()] * 20, [5] * 20))
    assert cut == [list(range(8)), list(range(8, 16)), list(range(16, 20))]


def test_a_piece_has_few_tokens() -> None:
    assert list(pieces([text()] * 4, [100, 150, 10, 5000])) == [[0, 1], [2], [3]]


def test_a_piece_is_of_one_role() -> None:
    texts = [text(is_query=place % 2 == 0) for place in range(5)]
    assert list(pieces(texts, [5] * 5)) == [[0, 2, 4], [1, 3]]


async def test_pieces_change_nothing(embedder: Embedder) -> None:
    contents = [f"Zug {number} " * (number % 3 + 1) for number in range(11)]
    texts = [text(content, is_query=place % 3 == 0) for place, content in enumerate(contents)]
    vectors, tokens = await embedder.embed(texts)
    model = embedder._model
    for place, each in enumerate(texts):
        alone = model.encode(each.content, each.is_query)
        np.testing.assert_array_equal(vectors[place], alone)
    assert tokens == [model.token_count(each.content, each.is_query) for each in texts]


async def test_close_texts_have_close_vectors(embedder: Embedder) -> None:
    vectors, _ = await embedder.embed(
        [
            text("Wann fährt der nächste Zug?", is_query=True),
            text("The next train leaves at noon."),
            text("Butter, flour and sugar make a cake."),
        ]
    )
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


@pytest.mark.long
async def test_a_text_of_more_than_one_window_is_read_to_its_end(embedder: Embedder) -> None:
    start = "word " * 506
    vectors, counts = await embedder.embed([text(start), text(start + "Leuchtturm " * 20)])
    assert sum(counts) > 1024
    assert float(vectors[0] @ vectors[1]) < 0.9999


async def test_a_text_of_too_many_tokens_is_refused_with_both_numbers(embedder: Embedder) -> None:
    with pytest.raises(TooLongError, match=rf"\d+ tokens.*at most {MAX_TOKENS} tokens"):
        await embedder.embed([text("a"), text("y " * (MAX_TOKENS + 100))])
