"""One chat answer as llama.cpp gives it, put into OpenAI's form."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from stellwerk.engines.llama.chat_answer import ROLE, ChatOutlet
from stellwerk.engines.llama.delivery import Spent
from stellwerk.engines.llama.failures import EngineGoneError, of
from stellwerk.engines.llama.held import Held
from stellwerk.engines.llama.model import Model
from stellwerk.engines.llama.native_chunk import CHUNK, NULL, NativeChoice
from stellwerk.engines.llama.sampling import sampling
from stellwerk.engines.llama.schema import grammar, json_rule
from stellwerk.wire.chat import ChatCompletionRequest, ChoiceLogprobs
from stellwerk.wire.tools import Function, JsonSchemaFormat, TextFormat
from stellwerk.wire.usage import Usage

NATIVE_ROLE = Raw(b'{"role":"assistant","content":null}')
LOGPROBS = msgspec.json.Decoder(ChoiceLogprobs)


def plain_body(
    model: Model, ask: ChatCompletionRequest, messages: list[dict[str, Any]], choice: int
) -> dict[str, Any]:
    """llama.cpp's fields for one choice of a chat."""
    limit = ask.max_completion_tokens or ask.max_tokens
    body: dict[str, Any] = {
        "messages": messages,
        "max_tokens": limit or -1,
        "stream": True,
        "stream_options": {"include_usage": True},
        **sampling(ask, model.options, choice),
        **_form(model, ask),
        **thinking(ask),
    }
    if ask.logprobs:
        # With 0 llama.cpp tells none at all, not even those of the tokens that it took.
        body |= {"logprobs": True, "top_logprobs": max(ask.top_logprobs or 0, 1)}
    return body


def thinking(ask: ChatCompletionRequest) -> dict[str, Any]:
    """What the chat template is told about thinking."""
    variables = dict(ask.chat_template_kwargs or {})
    if ask.reasoning_effort:
        variables.setdefault("reasoning_effort", ask.reasoning_effort)
        variables.setdefault("enable_thinking", ask.reasoning_effort != "none")
    return {"chat_template_kwargs": variables} if variables else {}


def _form(model: Model, ask: ChatCompletionRequest) -> dict[str, Any]:
    wanted = ask.response_format
    if wanted is None or isinstance(wanted, TextFormat):
        return {}
    schema: dict[str, Any] = {"type": "object"}
    strict = False
    if isinstance(wanted, JsonSchemaFormat):
        schema = wanted.json_schema.schema or schema
        strict = bool(wanted.json_schema.strict)
    if model.thinks:
        # A grammar would bind the thoughts too; llama.cpp's own way begins after them.
        return {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}}
    return {"grammar": grammar(json_rule(schema, strict=strict))}


class Plain:
    """One choice; where `functions` are offered, its text may turn out to be calls."""

    def __init__(
        self,
        model: Model,
        ask: ChatCompletionRequest,
        outlet: ChatOutlet,
        index: int,
        functions: Sequence[Function] = (),
    ) -> None:
        self.native = model.native
        self.ask = ask
        self.outlet = outlet
        self.index = index
        self.held = Held(functions)

    async def run(self, body: Mapping[str, Any]) -> Spent:
        spent: Spent | None = None
        async for data in self.native.events("/v1/chat/completions", body):
            chunk = CHUNK.decode(data)
            if chunk.error:
                raise of(chunk.error)
            for choice in chunk.choices:
                for piece in self.held.pass_on(choice):
                    await self._send(piece)
            if chunk.usage:
                spent = _spent(chunk.usage)
        if spent is None:
            raise EngineGoneError("The engine broke off.", retry_after=1)
        return spent

    async def _send(self, choice: NativeChoice) -> None:
        # llama.cpp's first piece has null for content, where OpenAI's has an empty text.
        delta = ROLE if choice.delta == NATIVE_ROLE else bytes(choice.delta)
        await self.outlet.piece(self.index, delta, self._told(choice), choice.finish_reason)

    def _told(self, choice: NativeChoice) -> bytes | None:
        if not self.ask.logprobs or choice.logprobs == NULL:
            return None
        told = LOGPROBS.decode(choice.logprobs)
        for token in told.content or ():
            token.top_logprobs = token.top_logprobs[: self.ask.top_logprobs or 0]
        return msgspec.json.encode(told)


def _spent(usage: Usage) -> Spent:
    cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else 0
    return Spent(usage.prompt_tokens, usage.completion_tokens, cached)
