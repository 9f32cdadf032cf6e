"""`POST /pooling`."""

from stellwerk.operations.operation import Operation
from stellwerk.wire.pooling import PoolingAnswer, PoolingRequest

OPERATION = Operation(
    name="pooling",
    path="/pooling",
    serves="VISION_EMBEDDING",
    request=PoolingRequest,
    response=PoolingAnswer,
    event=None,
    summary="Turn pages and questions into many vectors",
    description="For models that compare a question with the picture of a page by late "
    "interaction, such as ColQwen. Vector stores use it for their page images.",
    example={"model": "colqwen2-v1.0", "input": "Which quarter had the highest revenue?"},
)
