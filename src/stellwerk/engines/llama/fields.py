"""Which fields of a chat request or a completion request this engine honours, and which not.

Three lists, for both verbs. What stands in none of them is unknown and passed over.
"""

import msgspec

from stellwerk.base.errors import InvalidRequestError

HONOURED = frozenset(
    {
        "model",
        "messages",
        "stream",
        "stream_options",
        "max_tokens",
        "max_completion_tokens",
        "n",
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "seed",
        "stop",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "response_format",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "reasoning_effort",
        "modalities",
        "chat_template_kwargs",
        "prompt",
        "best_of",
        "echo",
        "suffix",
    }
)

# They change how, for whom or at what price an answer is made, but not what it is.
HINTS = frozenset(
    {
        "user",
        "safety_identifier",
        "metadata",
        "store",
        "service_tier",
        "prediction",
        "verbosity",
        "prompt_cache_key",
        "prompt_cache_retention",
        "cache_salt",
        "save_cache",
    }
)

# They change what the answer is, and this engine cannot follow: field -> what to do instead.
REFUSED = {
    "audio": "This model cannot speak. Leave `audio` out.",
    "web_search_options": "This model cannot search the web. Give it what you found as messages.",
    "functions": "`functions` is the form before tools. Give them as `tools`.",
    "function_call": "`function_call` is the form before tools. Use `tool_choice`.",
}


class UnsupportedFieldError(InvalidRequestError):
    """A field would change the answer's meaning, and this model cannot honour it."""

    code = "unsupported_parameter"


def refuse_unsupported(body: bytes) -> None:
    """Raises `UnsupportedFieldError` for a field of the third list that is not null."""
    given = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    for name, advice in REFUSED.items():
        if bytes(given.get(name, b"null")) != b"null":
            raise UnsupportedFieldError(advice, param=name)
