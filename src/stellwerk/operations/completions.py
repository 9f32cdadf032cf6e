"""`POST /completions`."""

from stellwerk.operations.operation import Operation
from stellwerk.wire.completions import Completion, CompletionRequest

OPERATION = Operation(
    name="completions",
    path="/completions",
    serves="LLM",
    request=CompletionRequest,
    response=Completion,
    event=Completion,
    summary="Create a text completion",
    description="The model continues raw text; no chat template is put around it.",
    example={
        "model": "Qwen2.5-Coder-0.5B-Instruct",
        "prompt": "def fibonacci(n):",
        "max_tokens": 48,
    },
    tells_usage=True,
    raw=True,
)
