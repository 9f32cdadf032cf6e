"""The two forms of a chat's answer: a stream of chunks, or one object put together from them."""

import time
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
from aiohttp import web
from msgspec import UNSET

from stellwerk.base.errors import StellwerkError
from stellwerk.base.ids import new_id
from stellwerk.engines.llama.delivery import Events, Outlet, Spent
from stellwerk.wire.chat import (
    AnswerMessage,
    ChatCompletion,
    ChatCompletionRequest,
    Choice,
    ChoiceLogprobs,
    Delta,
    FinishReason,
    TokenLogprob,
)
from stellwerk.wire.messages import FunctionCall, ToolCall

ROLE = b'{"role":"assistant","content":""}'
NOTHING = b"{}"


class ChatOutlet(Outlet, Protocol):
    async def piece(
        self,
        index: int,
        delta: bytes,
        logprobs: bytes | None = None,
        finish: FinishReason | None = None,
    ) -> None:
        """Take a piece of a choice: `delta` and `logprobs` are JSON, as chunks hold them."""
        ...


class ChatStream:
    """Chunks, as `ChatCompletionChunk` describes them."""

    def __init__(self, request: web.Request, ask: ChatCompletionRequest, fingerprint: str) -> None:
        self.events = Events(request)
        self.usage = bool(ask.stream_options and ask.stream_options.include_usage)
        head = {
            "id": new_id("chatcmpl-"),
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": ask.model,
            "system_fingerprint": fingerprint,
        }
        self.head = msgspec.json.encode(head)[:-1] + b',"choices":['
        self.tail = b'],"usage":null}' if self.usage else b"]}"

    @property
    def begun(self) -> bool:
        return self.events.begun

    async def piece(
        self,
        index: int,
        delta: bytes,
        logprobs: bytes | None = None,
        finish: FinishReason | None = None,
    ) -> None:
        reason = f'"{finish}"'.encode() if finish else b"null"
        # Joined by hand: this runs for every token, and `delta` is JSON already.
        choice = (
            b'{"index":%d,"delta":' % index,
            delta,
            b',"logprobs":',
            logprobs or b"null",
            b',"finish_reason":',
            reason,
            b"}",
        )
        await self.events.send(b"".join((self.head, *choice, self.tail)))

    async def fail(self, error: StellwerkError) -> web.StreamResponse:
        return await self.events.fail(error)

    async def end(self, spent: Spent) -> web.StreamResponse:
        if self.usage:
            usage = msgspec.json.encode(spent.usage())
            await self.events.send(self.head + b'],"usage":' + usage + b"}")
        return await self.events.end()


@dataclass(slots=True)
class Gathered:
    """What has come of one choice so far."""

    content: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    finish: FinishReason = "stop"

    def add(self, delta: Delta) -> None:
        if delta.content:
            self.content.append(delta.content)
        if delta.reasoning_content:
            self.reasoning.append(delta.reasoning_content)
        for piece in delta.tool_calls or ():
            while len(self.calls) <= piece.index:
                self.calls.append(ToolCall(new_id("call_"), FunctionCall("", "")))
            call = self.calls[piece.index]
            call.id = piece.id or call.id
            if piece.function:
                call.function.name += piece.function.name or ""
                call.function.arguments += piece.function.arguments or ""

    def message(self) -> AnswerMessage:
        text = "".join(self.content)
        return AnswerMessage(
            content=text if text or not self.calls else None,
            reasoning_content="".join(self.reasoning) or UNSET,
            tool_calls=self.calls or UNSET,
        )


class ChatWhole:
    """One object, as `ChatCompletion` describes it."""

    begun = False

    def __init__(self, ask: ChatCompletionRequest, fingerprint: str) -> None:
        self.ask = ask
        self.fingerprint = fingerprint
        self.choices = [Gathered() for _ in range(ask.n or 1)]
        self.delta = msgspec.json.Decoder(Delta)
        self.logprobs = msgspec.json.Decoder(ChoiceLogprobs)

    async def piece(
        self,
        index: int,
        delta: bytes,
        logprobs: bytes | None = None,
        finish: FinishReason | None = None,
    ) -> None:
        choice = self.choices[index]
        choice.add(self.delta.decode(delta))
        if logprobs:
            choice.logprobs += self.logprobs.decode(logprobs).content or ()
        choice.finish = finish or choice.finish

    async def fail(self, error: StellwerkError) -> web.StreamResponse:
        raise error

    async def end(self, spent: Spent) -> web.StreamResponse:
        whole = ChatCompletion(
            id=new_id("chatcmpl-"),
            created=int(time.time()),
            model=self.ask.model,
            choices=[self._choice(*numbered) for numbered in enumerate(self.choices)],
            usage=spent.usage(),
            system_fingerprint=self.fingerprint,
        )
        return web.Response(body=msgspec.json.encode(whole), content_type="application/json")

    def _choice(self, index: int, choice: Gathered) -> Choice:
        told = ChoiceLogprobs(choice.logprobs) if self.ask.logprobs and not choice.calls else None
        return Choice(
            index=index, message=choice.message(), logprobs=told, finish_reason=choice.finish
        )
