"""Raw continuations: a prompt goes in as it is, and text comes out with what is known of it."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

import msgspec

from stellwerk.engines.llama.delivery import Spent
from stellwerk.engines.llama.failures import EngineGoneError, Trouble, of
from stellwerk.engines.llama.native import Native


class Probability(msgspec.Struct):
    """A token of the text, or one that could have stood in its place."""

    token: str
    logprob: float
    top_logprobs: list["Probability"] = []


class Timings(msgspec.Struct):
    cache_n: int = 0


class RawEvent(msgspec.Struct):
    """A piece of text. The counts are of all tokens so far; `timings` comes with the last piece."""

    content: str = ""
    stop: bool = False
    stop_type: str = ""
    tokens_predicted: int = 0
    tokens_evaluated: int = 0
    timings: Timings | None = None
    completion_probabilities: list[Probability] = []
    error: Trouble | None = None

    @property
    def is_cut(self) -> bool:
        return self.stop_type == "limit"

    @property
    def spent(self) -> Spent:
        cached = self.timings.cache_n if self.timings else 0
        return Spent(self.tokens_evaluated, self.tokens_predicted, cached)


DECODER = msgspec.json.Decoder(RawEvent)


async def raw_events(native: Native, body: Mapping[str, Any]) -> AsyncGenerator[RawEvent]:
    """The pieces; the last one has `stop`. Raises `StellwerkError` when the engine breaks off."""
    async for data in native.events("/completion", {**body, "stream": True}):
        event = DECODER.decode(data)
        if event.error:
            raise of(event.error)
        yield event
        if event.stop:
            return
    raise EngineGoneError("The engine broke off.", retry_after=1)
