"""The chunks of llama.cpp's chat answers, as far as they are read."""

import msgspec
from msgspec import Raw

from stellwerk.engines.llama.chat_answer import NOTHING
from stellwerk.engines.llama.failures import Trouble
from stellwerk.wire.chat import FinishReason
from stellwerk.wire.usage import Usage

NULL = Raw(b"null")


class NativeChoice(msgspec.Struct):
    """A piece. `delta` and `logprobs` stay JSON: most of them are passed on as they are."""

    delta: Raw = Raw(NOTHING)
    logprobs: Raw = NULL
    finish_reason: FinishReason | None = None


class NativeChunk(msgspec.Struct):
    choices: list[NativeChoice] = []
    usage: Usage | None = None
    error: Trouble | None = None


CHUNK = msgspec.json.Decoder(NativeChunk)
