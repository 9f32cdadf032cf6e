"""What engines that order texts have in common: the answer of `POST /v1/rerank`."""

from collections.abc import Sequence

from stellwerk.base.errors import InvalidRequestError
from stellwerk.base.ids import new_id
from stellwerk.wire.rerank import (
    RerankAnswer,
    RerankDocument,
    RerankRequest,
    RerankResult,
    RerankUsage,
)


class EmptyDocumentError(InvalidRequestError):
    """There is nothing to compare."""

    code = "empty_input"


def documents_of(asked: RerankRequest) -> list[str]:
    """The documents of a request, as strings. Raises `EmptyDocumentError`."""
    texts = [text if isinstance(text, str) else text.text for text in asked.documents]
    for place, text in enumerate(texts):
        if not text:
            param = f"documents[{place}]"
            raise EmptyDocumentError(f"`{param}` is empty.", param=param)
    return texts


def ranked(
    asked: RerankRequest, texts: Sequence[str], scores: Sequence[float], tokens: int
) -> RerankAnswer:
    """The best `top_n` of the texts, of equally good ones the first first."""
    order = sorted(range(len(texts)), key=lambda place: (-scores[place], place))
    results = [
        RerankResult(
            index=place,
            relevance_score=float(scores[place]),
            document=RerankDocument(text=texts[place]) if asked.return_documents else None,
        )
        for place in order[: asked.top_n]
    ]
    return RerankAnswer(
        id=new_id("rerank-"),
        model=asked.model,
        results=results,
        usage=RerankUsage(prompt_tokens=tokens, total_tokens=tokens),
    )
