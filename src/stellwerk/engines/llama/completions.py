"""`POST /v1/completions` in the engine's child process."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from stellwerk.engines.llama.checks import InvalidFieldError, check_completion
from stellwerk.engines.llama.completion_answer import TextOutlet, TextStream, TextWhole
from stellwerk.engines.llama.delivery import Spent, deliver
from stellwerk.engines.llama.fields import refuse_unsupported
from stellwerk.engines.llama.messages import CONTROL
from stellwerk.engines.llama.model import Model
from stellwerk.engines.llama.raw import Probability, RawEvent, raw_events
from stellwerk.engines.llama.sampling import sampling
from stellwerk.engines.llama.schema import grammar
from stellwerk.wire.completions import CompletionChoice, CompletionLogprobs, CompletionRequest
from stellwerk.wire.decode import decode

DEFAULT_LENGTH = 16
# At least one character. An instructed model often takes a text that is complete in itself, such
# as a question, for the end of all text. A prompt with control tokens may well end at once.
SOMETHING = grammar("/(?s:.+)/")
# Prompts times answers in one request.
MOST_ANSWERS = 128

Prompt = str | list[int]


async def completions(model: Model, request: web.Request) -> web.StreamResponse:
    """Raises `StellwerkError` as long as nothing has been sent."""
    body = await request.read()
    ask = decode(body, CompletionRequest)
    refuse_unsupported(body)
    check_completion(ask, model.vocabulary)
    prompts = prompts_of(ask, model.vocabulary)
    each = ask.n or 1
    count = len(prompts) * each
    if count > MOST_ANSWERS:
        raise InvalidFieldError(
            f"{len(prompts)} prompts with `n` {each} are {count} answers; at most {MOST_ANSWERS} "
            "are given at once. Send fewer prompts.",
            param="prompt",
        )
    limit = DEFAULT_LENGTH if ask.max_tokens is None else ask.max_tokens
    for prompt in prompts:
        await model.make_room(prompt, limit, "prompt")
    outlet = (
        TextStream(request, ask, model.fingerprint)
        if ask.stream
        else TextWhole(ask, model.fingerprint, count)
    )
    runs = [
        Continuation(model, ask, outlet, index, prompts[index // each], limit).run()
        for index in range(count)
    ]
    return await deliver(outlet, runs, each)


def prompts_of(ask: CompletionRequest, vocabulary: int) -> list[Prompt]:
    """The prompts of a request. Raises `InvalidFieldError` for what is none."""
    given = ask.prompt
    if isinstance(given, str):
        return [_text(given)]
    texts = [one for one in given if isinstance(one, str)]
    tokens = [one for one in given if isinstance(one, int)]
    lists = [one for one in given if isinstance(one, list)]
    if texts and len(texts) == len(given):
        return [_text(one) for one in texts]
    if tokens and len(tokens) == len(given):
        return [_tokens(tokens, vocabulary)]
    if lists and len(lists) == len(given):
        return [_tokens(one, vocabulary) for one in lists]
    raise InvalidFieldError(
        "`prompt` must be a text, a list of texts, a list of tokens or a list of lists of tokens; "
        "it may not be empty, nor mix these.",
        param="prompt",
    )


def _text(prompt: str) -> str:
    if not prompt:
        raise InvalidFieldError("`prompt` is empty: give a text to continue.", param="prompt")
    return prompt


def _tokens(tokens: list[int], vocabulary: int) -> list[int]:
    if not tokens:
        raise InvalidFieldError("`prompt` is empty: give tokens to continue.", param="prompt")
    for token in tokens:
        if token >= vocabulary:
            raise InvalidFieldError(
                f"`prompt` holds the token {token}. The tokens of this model are the numbers from "
                f"0 to {vocabulary - 1}; send the text itself if yours are another model's.",
                param="prompt",
            )
    return tokens


@dataclass(slots=True)
class Continuation:
    """One answer to one prompt."""

    model: Model
    ask: CompletionRequest
    outlet: TextOutlet
    index: int
    prompt: Prompt
    limit: int
    offset: int = 0

    async def run(self) -> Spent:
        if self.ask.echo:
            await self._echo()
        if self.limit == 0:
            return await self._nothing()
        spent = Spent()
        async for event in raw_events(self.model.native, self._body()):
            spent = event.spent
            reason = ("length" if event.is_cut else "stop") if event.stop else None
            if event.content or reason:
                await self.outlet.piece(
                    CompletionChoice(
                        index=self.index,
                        text=event.content,
                        logprobs=self._told(event),
                        finish_reason=reason,  # type: ignore[arg-type]
                    )
                )
        return spent

    def _body(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "prompt": self.prompt,
            "n_predict": self.limit,
            **sampling(self.ask, self.model.options, self.index % (self.ask.n or 1)),
        }
        if isinstance(self.prompt, str) and not CONTROL.search(self.prompt):
            body["grammar"] = SOMETHING
        if self.ask.logprobs is not None:
            # With 0 llama.cpp tells none at all, not even those of the tokens that it took.
            body["n_probs"] = max(self.ask.logprobs, 1)
        return body

    async def _echo(self) -> None:
        text = self.prompt
        if isinstance(text, list):
            text = await self.model.native.text(text)
        self.offset = len(text)
        await self.outlet.piece(CompletionChoice(index=self.index, text=text))

    async def _nothing(self) -> Spent:
        tokens = self.prompt
        if isinstance(tokens, str):
            tokens = await self.model.native.tokens(tokens)
        await self.outlet.piece(CompletionChoice(index=self.index, text="", finish_reason="length"))
        return Spent(prompt=len(tokens))

    def _told(self, event: RawEvent) -> CompletionLogprobs | None:
        if self.ask.logprobs is None or not event.completion_probabilities:
            return None
        told = CompletionLogprobs(tokens=[], token_logprobs=[], top_logprobs=[], text_offset=[])
        for one in event.completion_probabilities:
            told.tokens.append(one.token)
            told.token_logprobs.append(one.logprob)
            told.text_offset.append(self.offset)
            self.offset += len(one.token)
            if told.top_logprobs is not None:
                told.top_logprobs.append(_top(one, self.ask.logprobs))
        return told


def _top(one: Probability, count: int) -> dict[str, float]:
    """The likeliest tokens; the one that was taken is always among them."""
    top = {other.token: other.logprob for other in one.top_logprobs[:count]}
    return {**top, one.token: one.logprob}
