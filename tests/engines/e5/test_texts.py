import pytest

from stellwerk.base.errors import InvalidRequestError
from stellwerk.engines.e5.texts import MAX_CHARACTERS, MAX_TEXTS, Text, texts_of
from stellwerk.wire.embeddings import EmbeddingRequest, Input


def request(given: Input, input_type: str | None = None) -> EmbeddingRequest:
    return EmbeddingRequest(model="m", input=given, input_type=input_type)  # type: ignore[arg-type]


def refusal(given: Input) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as caught:
        texts_of(request(given))
    return caught.value


def test_a_text_is_a_passage_unless_it_is_said_to_be_a_query() -> None:
    assert texts_of(request("Zug")) == [Text("input", "Zug", is_query=False)]
    assert texts_of(request("Zug", "passage")) == [Text("input", "Zug", is_query=False)]
    assert texts_of(request("Zug", "query")) == [Text("input", "Zug", is_query=True)]


def test_a_prefix_in_the_text_counts_and_is_not_doubled() -> None:
    given = request(["query: Zug", "passage: Gleis", "Signal"], "query")
    assert texts_of(given) == [
        Text("input[0]", "Zug", is_query=True),
        Text("input[1]", "Gleis", is_query=False),
        Text("input[2]", "Signal", is_query=True),
    ]


def test_only_the_first_prefix_is_one() -> None:
    assert texts_of(request("query: passage: x"))[0].content == "passage: x"


def test_a_nul_does_not_end_a_text() -> None:
    assert texts_of(request("a\0b"))[0].content == "ab"


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ("", "input"),
        ([], "input"),
        (["a", "b", "c", ""], "input[3]"),
        (["\0"], "input[0]"),
        ("query: ", "input"),
    ],
)
def test_nothing_to_embed_names_the_place(given: Input, param: str) -> None:
    error = refusal(given)
    assert error.param == param
    assert f"`{param}`" in error.message
    assert error.code == "empty_input"


@pytest.mark.parametrize("given", [[1, 2, 3], [[1, 2], [3]], ["a", 1], ["a", [1]]])
def test_tokens_are_refused_with_the_setting_of_the_client(given: Input) -> None:
    error = refusal(given)
    assert error.param == "input"
    assert "check_embedding_ctx_length=False" in error.message


def test_the_number_of_texts_is_limited() -> None:
    assert len(texts_of(request(["a"] * MAX_TEXTS))) == MAX_TEXTS
    error = refusal(["a"] * (MAX_TEXTS + 1))
    assert "2049" in error.message
    assert "2048" in error.message


def test_a_text_of_many_characters_is_refused_before_it_is_tokenized() -> None:
    error = refusal(["a", "b" * (MAX_CHARACTERS + 1)])
    assert error.param == "input[1]"
    assert error.code == "context_length_exceeded"
