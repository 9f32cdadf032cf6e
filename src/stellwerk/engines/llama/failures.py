"""What can go wrong between this engine and llama.cpp, and how callers are told."""

import msgspec

from stellwerk.base.errors import InvalidRequestError, Kind, StellwerkError, UnavailableError


class ContextOverflowError(InvalidRequestError):
    """The prompt, or the prompt and the answer that is asked for, do not fit."""

    code = "context_length_exceeded"

    def __init__(self, limit: int, prompt: int, answer: int = 0, *, param: str) -> None:
        if answer:
            asked = f"{prompt + answer} ({prompt} in the prompt, {answer} for the answer)"
            advice = "Shorten the prompt or ask for a shorter answer (`max_tokens`)."
        else:
            asked, advice = f"{prompt} in the prompt alone", "Shorten the prompt."
        super().__init__(
            f"This model's context is {limit} tokens, but the request needs {asked}. {advice}",
            param=param,
        )
        self.prompt = prompt


class EngineFailedError(StellwerkError):
    """The engine broke off; the request may be sent again."""

    kind = Kind.INTERNAL
    code = "engine_failed"


class EngineGoneError(UnavailableError):
    """The engine does not answer any more."""

    code = "engine_gone"


class Trouble(msgspec.Struct):
    """An error as llama.cpp words it."""

    message: str = ""
    type: str = ""
    code: int = 500
    n_prompt_tokens: int = 0
    n_ctx: int = 0


class TroubleBody(msgspec.Struct):
    error: Trouble


def failure(body: bytes, status: int) -> StellwerkError:
    """The error that stands for an answer of llama.cpp other than 200."""
    try:
        return of(msgspec.json.decode(body, type=TroubleBody).error)
    except msgspec.DecodeError:
        return EngineFailedError(f"The engine answered {status}.")


def of(trouble: Trouble) -> StellwerkError:
    if trouble.type == "exceed_context_size_error":
        return ContextOverflowError(trouble.n_ctx, trouble.n_prompt_tokens, param="prompt")
    if "too large to process" in trouble.message:
        return InvalidRequestError(
            f"A text is longer than the model's context: {trouble.message}",
            code=ContextOverflowError.code,
        )
    if "Jinja" in trouble.message or "template" in trouble.message:
        return InvalidRequestError(
            f"The model's chat template refuses these messages: {trouble.message}",
            param="messages",
        )
    if trouble.code == Kind.INVALID.status:
        return InvalidRequestError(trouble.message, code="invalid_value")
    if trouble.code == Kind.UNAVAILABLE.status:
        return EngineGoneError(trouble.message, retry_after=1)
    return EngineFailedError(f"The engine failed: {trouble.message}")
