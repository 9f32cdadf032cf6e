"""Calls of small models, step by step.

Each step asks for one line after `Function:`, bound by a grammar to a call of one of the functions
or to none. The choice is greedy unless the caller sets a temperature. Where no call comes of it,
the conversation is to be answered without the functions: they spoil a small model's answers.
"""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import msgspec

from stellwerk.engines.llama.chat_answer import NOTHING, ChatOutlet
from stellwerk.engines.llama.delivery import Spent
from stellwerk.engines.llama.draft import Draft
from stellwerk.engines.llama.failures import ContextOverflowError
from stellwerk.engines.llama.messages import Called, Line, Said
from stellwerk.engines.llama.model import Model
from stellwerk.engines.llama.raw import RawEvent, raw_events
from stellwerk.engines.llama.sampling import sampling
from stellwerk.engines.llama.script import call_grammar, called, script
from stellwerk.wire.chat import (
    ChatCompletionRequest,
    Delta,
    FinishReason,
    FunctionDelta,
    ToolCallDelta,
)
from stellwerk.wire.tools import Function

# A call without an end would otherwise fill the context.
LONGEST = 2048
# Tokens that a function's name may take beyond the caller's limit, as it has to be read first.
NAME = 32


@dataclass(slots=True)
class Guided:
    """The calls of one choice. `must`: at least one; `most`: not more than these."""

    model: Model
    ask: ChatCompletionRequest
    functions: Sequence[Function]
    must: bool
    most: int
    lines: Sequence[Line]
    outlet: ChatOutlet
    index: int
    calls: list[Called] = field(default_factory=list)
    missing: str = ""
    is_cut: bool = False
    spent: Spent = field(default_factory=Spent)

    async def run(self) -> bool:
        """Send calls. False: there is none; `missing` may name the field that it failed for."""
        prompt = script(self.model.examples, self.functions, self.lines)
        try:
            await self._steps(prompt)
        except ContextOverflowError:
            short = script(self.model.examples, self.functions, last_turn(self.lines))
            if short == prompt:
                raise
            await self._steps(short)
        if self.calls:
            reason: FinishReason = "length" if self.is_cut else "tool_calls"
            await self.outlet.piece(self.index, NOTHING, None, reason)
        return bool(self.calls)

    async def _steps(self, prompt: str) -> None:
        while len(self.calls) < self.most and not self.is_cut:
            draft = await self._step(prompt)
            if not draft.sent:
                break
            self.calls.append(Called(draft.id, draft.name, draft.arguments))
            prompt += called(draft.name, draft.arguments)

    async def _step(self, prompt: str) -> Draft:
        free = self.calls or not self.must
        draft = Draft(self.functions, self._earlier(), self._known(), checked=bool(free))
        event = RawEvent()
        async with aclosing(raw_events(self.model.native, self._body(prompt))) as events:
            async for event in events:
                over = self._is_over(event) and draft.function is not None
                self.is_cut = over or (event.is_cut and draft.function is not None)
                for piece in draft.feed(event.content, complete=event.stop or over):
                    await self._send(draft, piece)
                if over or draft.refused:
                    break
        self.missing = draft.missing
        self._count(event, draft)
        return draft

    def _body(self, prompt: str) -> dict[str, Any]:
        steered = sampling(self.ask, self.model.options, self.index)
        may_decline = bool(self.calls) or not self.must
        return {
            **{name: steered[name] for name in ("top_p", "seed") if name in steered},
            "prompt": prompt,
            "grammar": call_grammar(self.functions, may_decline=may_decline),
            "n_predict": min(self._limit + NAME, LONGEST),
            "temperature": self.ask.temperature or 0,
            "min_p": self.ask.min_p or self.model.options.min_p,
        }

    @property
    def _limit(self) -> int:
        return self.ask.max_completion_tokens or self.ask.max_tokens or LONGEST

    def _is_over(self, event: RawEvent) -> bool:
        return self.spent.completion + event.tokens_predicted >= self._limit and not event.stop

    def _count(self, event: RawEvent, draft: Draft) -> None:
        """Tokens of calls count, and of the first prompt; those that say no do not."""
        if not draft.sent:
            return
        first = self.spent if self.calls else event.spent
        completion = self.spent.completion + event.tokens_predicted
        self.spent = Spent(first.prompt, completion, first.cached)

    def _earlier(self) -> list[Called]:
        """The calls since the user last spoke."""
        turn = last_turn(self.lines)
        return [*(line for line in turn if isinstance(line, Called)), *self.calls]

    def _known(self) -> str:
        told = (
            line.text if isinstance(line, Said) else f"{line.arguments} {line.result}"
            for line in self.lines
        )
        return "\n".join(told).casefold()

    async def _send(self, draft: Draft, piece: str) -> None:
        number = len(self.calls)
        if draft.sent == len(piece):
            await self.outlet.piece(self.index, _opening(number, draft))
        await self.outlet.piece(self.index, _continuation(number, piece))


def last_turn(lines: Sequence[Line]) -> list[Line]:
    """The conversation from the user's last words on."""
    begins = [n for n, line in enumerate(lines) if isinstance(line, Said) and line.role == "user"]
    return list(lines[begins[-1] :] if begins else lines)


def _opening(number: int, draft: Draft) -> bytes:
    function = FunctionDelta(draft.name, "")
    call = ToolCallDelta(index=number, id=draft.id, type="function", function=function)
    first = Delta(role="assistant", content=None, tool_calls=[call])
    return msgspec.json.encode(first if number == 0 else Delta(tool_calls=[call]))


def _continuation(number: int, piece: str) -> bytes:
    call = ToolCallDelta(index=number, function=FunctionDelta(arguments=piece))
    return msgspec.json.encode(Delta(tool_calls=[call]))
