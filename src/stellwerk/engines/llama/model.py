"""The loaded model, as the verbs use it."""

from dataclasses import dataclass

import msgspec
import xllamacpp

from stellwerk.engines.llama.failures import ContextOverflowError
from stellwerk.engines.llama.native import Native
from stellwerk.engines.llama.options import Options, ToolStyle
from stellwerk.engines.llama.script import examples
from stellwerk.engines.llama.spec import Weights

# Models with fewer weights seldom keep to the form of calls that their template asks for.
FOLLOWS_TEMPLATE = 2_500_000_000
# Tokens that a tokenizer may add of its own.
SPECIAL = 4
# Text that a chat template may add to a conversation, in bytes.
TEMPLATE = 1024


class Capabilities(msgspec.Struct):
    """What llama.cpp found out about the chat template."""

    supports_tool_calls: bool = False
    supports_tools: bool = False


class Props(msgspec.Struct):
    chat_template_caps: Capabilities
    chat_template: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    native: Native
    options: Options
    context: int
    vocabulary: int
    guided: bool
    thinks: bool
    examples: str
    sees: bool = False
    fingerprint: str = f"xllamacpp-{xllamacpp.__version__}"

    @classmethod
    async def of(cls, native: Native, weights: Weights) -> "Model":
        """Ask the running llama.cpp what the model's template can do."""
        props = msgspec.convert(await native.props(), Props)
        follows = props.chat_template_caps.supports_tool_calls
        large = weights.header.parameters >= FOLLOWS_TEMPLATE
        return cls(
            native=native,
            options=weights.options,
            context=weights.context,
            vocabulary=weights.header.vocabulary,
            guided=is_guided(weights.options.tool_style, follows=follows and large),
            thinks="<think>" in props.chat_template,
            examples=examples(),
            sees=weights.projector is not None,
        )

    async def make_room(self, prompt: str | list[int], answer: int | None, param: str) -> None:
        """Raises `ContextOverflowError` if prompt and answer together do not fit."""
        most = len(prompt) if isinstance(prompt, list) else len(prompt.encode()) + SPECIAL
        if answer is None or self._fits_surely(most, answer):
            return
        tokens = prompt if isinstance(prompt, list) else await self.native.tokens(prompt)
        if len(tokens) + answer > self.context:
            raise ContextOverflowError(self.context, len(tokens), answer, param=param)

    def needs_count(self, size: int, answer: int | None) -> bool:
        """Whether a prompt of `size` bytes could be too long for an answer of so many tokens."""
        return answer is not None and not self._fits_surely(2 * size + TEMPLATE, answer)

    def _fits_surely(self, most_tokens: int, answer: int) -> bool:
        # A token is at least one byte of text.
        return most_tokens + answer <= self.context


def is_guided(style: ToolStyle, *, follows: bool) -> bool:
    return style == "guided" or (style == "auto" and not follows)
