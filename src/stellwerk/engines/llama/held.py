"""Text of a native answer that may yet turn out to be calls, held back until that is clear."""

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from stellwerk.engines.llama.lenient import may_be_calls, written_calls
from stellwerk.engines.llama.messages import Called
from stellwerk.engines.llama.native_chunk import NativeChoice
from stellwerk.wire.chat import Delta, FunctionDelta, ToolCallDelta
from stellwerk.wire.tools import Function

DELTA = msgspec.json.Decoder(Delta)


class Held:
    """Passes choices on. A model that writes calls as text begins its answer with them."""

    def __init__(self, functions: Sequence[Function]) -> None:
        self.functions = functions
        self.text = ""
        self.waits = bool(functions)

    def pass_on(self, choice: NativeChoice) -> list[NativeChoice]:
        """What may be sent now that `choice` has come."""
        if not self.waits:
            return [choice]
        delta = DELTA.decode(choice.delta)
        self.text += delta.content or ""
        is_over = choice.finish_reason is not None or bool(delta.tool_calls)
        if not is_over and may_be_calls(self.text):
            return []
        self.waits = False
        calls = written_calls(self.text, self.functions) if choice.finish_reason == "stop" else []
        if calls:
            return [_choice(_calls(calls)), NativeChoice(finish_reason="tool_calls")]
        if is_over:
            held = [_choice(Delta(role="assistant", content=self.text))] if self.text else []
            return [*held, choice]
        choice.delta = Raw(msgspec.json.encode(Delta(role="assistant", content=self.text)))
        return [choice]


def _calls(calls: Sequence[Called]) -> Delta:
    pieces = [
        ToolCallDelta(
            index=number,
            id=call.id,
            type="function",
            function=FunctionDelta(call.name, call.arguments),
        )
        for number, call in enumerate(calls)
    ]
    return Delta(role="assistant", content=None, tool_calls=pieces)


def _choice(delta: Delta) -> NativeChoice:
    return NativeChoice(delta=Raw(msgspec.json.encode(delta)))
