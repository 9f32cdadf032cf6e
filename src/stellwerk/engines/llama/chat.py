"""`POST /v1/chat/completions` in the engine's child process."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from stellwerk.engines.llama.chat_answer import ChatOutlet, ChatStream, ChatWhole
from stellwerk.engines.llama.checks import InvalidFieldError, check_chat
from stellwerk.engines.llama.delivery import Spent, deliver
from stellwerk.engines.llama.failures import ContextOverflowError
from stellwerk.engines.llama.fields import refuse_unsupported
from stellwerk.engines.llama.guided import Guided
from stellwerk.engines.llama.messages import Called, Line, has_pictures, native, plain, read
from stellwerk.engines.llama.model import Model
from stellwerk.engines.llama.plain import Plain, plain_body, thinking
from stellwerk.engines.llama.question import question
from stellwerk.engines.llama.sight import fit
from stellwerk.wire.chat import ChatCompletionRequest
from stellwerk.wire.decode import decode
from stellwerk.wire.tools import AllowedToolChoice, Function, NamedToolChoice

MOST_CALLS = 16


async def chat(model: Model, request: web.Request) -> web.StreamResponse:
    """Raises `StellwerkError` as long as nothing has been sent."""
    body = await request.read()
    ask = decode(body, ChatCompletionRequest)
    refuse_unsupported(body)
    check_chat(ask, model.vocabulary)
    outlet = (
        ChatStream(request, ask, model.fingerprint)
        if ask.stream
        else ChatWhole(ask, model.fingerprint)
    )
    lines = read(ask.messages, sees=model.sees)
    if has_pictures(lines):
        _check_pictures(model, ask)
        await asyncio.to_thread(fit, lines)
    turn = Turn(model, ask, lines, outlet, *_offered(ask))
    try:
        # What a picture takes of the context is known to llama.cpp alone.
        if not has_pictures(lines):
            await turn.make_room(len(body))
        count = ask.n or 1
        return await deliver(outlet, [turn.run(index) for index in range(count)], each=count)
    except ContextOverflowError as error:
        error.param = "messages"
        raise


def _check_pictures(model: Model, ask: ChatCompletionRequest) -> None:
    """Calls of a small model, and those that must be, are led by a prompt of words alone."""
    led = model.guided or ask.tool_choice not in (None, "auto")
    if ask.tools and ask.tool_choice != "none" and led:
        raise InvalidFieldError(
            "`tools`: this model takes tools or pictures, not both in one request.", param="tools"
        )


def _offered(ask: ChatCompletionRequest) -> tuple[list[Function], bool, int]:
    """The functions that may be called now, whether one of them must be, and how many calls."""
    functions = [tool.function for tool in ask.tools or ()]
    most = 1 if ask.parallel_tool_calls is False else MOST_CALLS
    match ask.tool_choice:
        case "none":
            return [], False, 0
        case NamedToolChoice(function=named):
            return [one for one in functions if one.name == named.name], True, 1
        case AllowedToolChoice(allowed_tools=allowed):
            names = {tool.function.name for tool in allowed.tools}
            return [one for one in functions if one.name in names], allowed.mode != "auto", most
        case choice:
            return functions, choice == "required", most


@dataclass(frozen=True, slots=True)
class Turn:
    """What the choices of one request have in common."""

    model: Model
    ask: ChatCompletionRequest
    lines: Sequence[Line]
    outlet: ChatOutlet
    functions: Sequence[Function]
    must: bool
    most: int

    async def make_room(self, size: int) -> None:
        """Raises `ContextOverflowError` if the answer that is asked for does not fit."""
        limit = self.ask.max_completion_tokens or self.ask.max_tokens
        if self.model.needs_count(size, limit):
            body = self._template_fields()
            prompt = await self.model.native.prompt(**body, **thinking(self.ask))
            await self.model.make_room(prompt, limit, "messages")

    async def run(self, index: int) -> Spent:
        if self.functions and (self.model.guided or self.must):
            guided = Guided(
                self.model,
                self.ask,
                self.functions,
                self.must,
                self.most,
                self.lines,
                self.outlet,
                index,
            )
            if await guided.run():
                return guided.spent
            if guided.missing:
                return await question(self.model, self.lines, guided.missing, self.outlet, index)
        return await self._answer(index)

    async def _answer(self, index: int) -> Spent:
        fields = self._template_fields()
        body = plain_body(self.model, self.ask, fields.pop("messages"), index) | fields
        if self.model.guided and self.ask.temperature is None and self._ends_with_result():
            # A small model that may wander tells something else than the result.
            body["temperature"] = 0
        offered = [] if self.model.guided else self.functions
        return await Plain(self.model, self.ask, self.outlet, index, offered).run(body)

    def _template_fields(self) -> dict[str, Any]:
        if self.model.guided:
            return {"messages": plain(self.lines)}
        fields: dict[str, Any] = {"messages": native(self.lines)}
        if self.functions and not self.must:
            names = {function.name for function in self.functions}
            fields["tools"] = [
                {"type": "function", "function": _as_dict(tool.function)}
                for tool in self.ask.tools or ()
                if tool.function.name in names
            ]
            fields["parallel_tool_calls"] = self.most > 1
        return fields

    def _ends_with_result(self) -> bool:
        return isinstance(self.lines[-1], Called)


def _as_dict(function: Function) -> dict[str, Any]:
    return {
        "name": function.name,
        "description": function.description or "",
        "parameters": function.parameters or {"type": "object", "properties": {}},
    }
