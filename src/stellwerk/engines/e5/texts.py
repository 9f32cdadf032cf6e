"""What the e5 engine embeds: texts, each with the role that the model knows them by."""

from dataclasses import dataclass

from stellwerk.base.errors import InvalidRequestError
from stellwerk.wire.embeddings import EmbeddingRequest

MAX_TEXTS = 2048
MAX_CHARACTERS = 200_000
ROLES = {"query: ": True, "passage: ": False}


class NoTokensError(InvalidRequestError):
    """Token ids were sent to a model that takes texts."""

    code = "token_input_not_supported"

    def __init__(self) -> None:
        super().__init__(
            "`input`: this model takes texts, not tokens: its tokenizer is not the client's. Send "
            "strings. With langchain-openai that is "
            "`OpenAIEmbeddings(check_embedding_ctx_length=False)`.",
            param="input",
        )


class EmptyInputError(InvalidRequestError):
    """There is nothing to embed."""

    code = "empty_input"

    def __init__(self, param: str) -> None:
        super().__init__(f"`{param}` is empty; give a text of at least one character.", param=param)


class TooManyTextsError(InvalidRequestError):
    """More texts than one request may have."""

    code = "too_many_inputs"

    def __init__(self, count: int) -> None:
        super().__init__(
            f"`input` has {count} texts; one request takes at most {MAX_TEXTS}.", param="input"
        )


class TooLongError(InvalidRequestError):
    """A text is longer than the model can take."""

    code = "context_length_exceeded"

    def __init__(self, param: str, size: str, limit: str) -> None:
        super().__init__(
            f"`{param}` has {size}; one text may have at most {limit}. Cut it in shorter texts.",
            param=param,
        )


@dataclass(frozen=True, slots=True)
class Text:
    """A text without its role's prefix; `param` is its name in error messages."""

    param: str
    content: str
    is_query: bool


def texts_of(request: EmbeddingRequest) -> list[Text]:
    """The texts of a request. Raises `InvalidRequestError` that names the one at fault."""
    if isinstance(request.input, str):
        return [_text("input", request.input, request.input_type)]
    if not request.input:
        raise EmptyInputError("input")
    if not all(isinstance(item, str) for item in request.input):
        raise NoTokensError
    if len(request.input) > MAX_TEXTS:
        raise TooManyTextsError(len(request.input))
    return [
        _text(f"input[{place}]", str(item), request.input_type)
        for place, item in enumerate(request.input)
    ]


def compared(query: str, documents: list[str]) -> list[Text]:
    """A question and the texts that may answer it. Raises as `texts_of`."""
    texts = [
        _text(f"documents[{place}]", f"passage: {text}", None)
        for place, text in enumerate(documents)
    ]
    return [_text("query", f"query: {query}", None), *texts]


def _text(param: str, content: str, input_type: str | None) -> Text:
    # The library takes C strings, which end at a NUL; the model's tokenizer drops NULs anyway.
    content = content.replace("\0", "")
    is_query = input_type == "query"
    for prefix, role in ROLES.items():
        if content.startswith(prefix):
            content, is_query = content.removeprefix(prefix), role
            break
    if not content:
        raise EmptyInputError(param)
    if len(content) > MAX_CHARACTERS:
        raise TooLongError(param, f"{len(content)} characters", f"{MAX_CHARACTERS} characters")
    return Text(param, content, is_query)
