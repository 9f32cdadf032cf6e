"""`POST /responses`, for models that an upstream runs."""

from stellwerk.operations.operation import Operation
from stellwerk.wire.responses import Response, ResponseEvent, ResponseRequest

OPERATION = Operation(
    name="responses",
    path="/responses",
    serves="LLM",
    request=ResponseRequest,
    response=Response,
    event=ResponseEvent,
    summary="Create a response",
    description="The model answers an input, with tools of its server's or of yours. The body "
    "goes to the upstream that runs the model; local engines cannot do it.",
    example={"model": "gpt-large", "input": "Say hello in German.", "max_output_tokens": 64},
    sees=True,
)
