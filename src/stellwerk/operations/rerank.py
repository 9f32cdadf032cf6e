"""`POST /rerank`."""

from stellwerk.operations.operation import Operation
from stellwerk.wire.rerank import RerankAnswer, RerankRequest

OPERATION = Operation(
    name="rerank",
    path="/rerank",
    serves="RERANK",
    request=RerankRequest,
    response=RerankAnswer,
    event=None,
    summary="Order texts by relevance",
    description="Compares a question with each of the texts. Models of type `RERANK` read both "
    "together; a local embedding model may be named too, and compares their vectors.",
    example={
        "model": "bge-reranker-v2",
        "query": "How often are the points oiled?",
        "documents": ["Oil the points weekly.", "The canteen opens at noon."],
        "top_n": 1,
    },
)
