"""`POST /embeddings`."""

from stellwerk.operations.operation import Operation
from stellwerk.wire.embeddings import EmbeddingList, EmbeddingRequest

OPERATION = Operation(
    name="embeddings",
    path="/embeddings",
    serves="EMBEDDING",
    request=EmbeddingRequest,
    response=EmbeddingList,
    event=None,
    summary="Create embeddings",
    description="Turns texts into vectors whose closeness is closeness in meaning.",
    example={
        "model": "multilingual-e5-small",
        "input": ["Wo liegt Hamburg?", "Hamburg liegt an der Elbe."],
    },
)
