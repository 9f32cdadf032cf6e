"""How OpenAI's sampling fields are said to llama.cpp.

`temperature` and `top_p` mean what OpenAI says: llama.cpp's own defaults (top_k 40, min_p 0.05,
temperature 0.8) are off. Where a request says neither, the model's options count; there a small
`min_p` keeps a small model from the long tail of unlikely tokens.
"""

from typing import Any

from stellwerk.engines.llama.options import Options
from stellwerk.wire.chat import ChatCompletionRequest
from stellwerk.wire.completions import CompletionRequest

# llama.cpp takes this seed for "a new one each time".
ANY_SEED = 2**32 - 1
WHOLE = 2**17


def sampling(
    ask: ChatCompletionRequest | CompletionRequest, options: Options, choice: int = 0
) -> dict[str, Any]:
    """llama.cpp's fields for one of the request's choices, which differ by their seeds."""
    free = ask.temperature is None and ask.top_p is None
    fields: dict[str, Any] = {
        "temperature": options.temperature if ask.temperature is None else ask.temperature,
        "top_p": options.top_p if ask.top_p is None else ask.top_p,
        "top_k": max(ask.top_k or 0, 0),
        "min_p": ask.min_p if ask.min_p is not None else options.min_p if free else 0,
        "presence_penalty": ask.presence_penalty or 0,
        "frequency_penalty": ask.frequency_penalty or 0,
        # Penalties look at all of the text, as OpenAI's do, and not at its last 64 tokens.
        "repeat_last_n": WHOLE,
        "stop": _stop(ask.stop),
        "logit_bias": [[int(token), bias] for token, bias in (ask.logit_bias or {}).items()],
    }
    if ask.seed is not None:
        fields["seed"] = (ask.seed + choice) % ANY_SEED
    return fields


def _stop(stop: str | list[str] | None) -> list[str]:
    listed = [stop] if isinstance(stop, str) else stop or []
    return [text for text in listed if text]
