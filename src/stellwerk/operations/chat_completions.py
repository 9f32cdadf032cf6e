"""`POST /chat/completions`."""

from stellwerk.operations.operation import Operation
from stellwerk.wire.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionRequest

OPERATION = Operation(
    name="chat.completions",
    path="/chat/completions",
    serves="LLM",
    request=ChatCompletionRequest,
    response=ChatCompletion,
    event=ChatCompletionChunk,
    summary="Create a chat completion",
    description="The model continues a conversation: it answers, or asks for tools to be called.",
    example={
        "model": "Qwen2.5-Coder-0.5B-Instruct",
        "messages": [{"role": "user", "content": "Say hello in German."}],
        "max_tokens": 32,
    },
    tells_usage=True,
    sees=True,
)
