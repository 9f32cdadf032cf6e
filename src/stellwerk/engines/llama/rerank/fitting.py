"""Questions and texts that fit into the model's context together."""

from stellwerk.base.errors import InvalidRequestError
from stellwerk.engines.llama.gguf import Header
from stellwerk.engines.llama.native import Native

# Tokens that part a question from a text, and those of a model's own words around them.
SPECIAL, WORDS = 8, 160
# Tokens of a text that are to be read whatever the question.
LEAST = 32
TEMPLATE = "tokenizer.chat_template.rerank"


class QueryTooLongError(InvalidRequestError):
    """The question leaves no room for a text."""

    code = "context_length_exceeded"

    def __init__(self, tokens: int, most: int) -> None:
        super().__init__(
            f"`query` has {tokens} tokens; with this model it may have at most {most}.",
            param="query",
        )


class Fitting:
    """Cuts what is too long for a model at its end, as servers of this verb do."""

    def __init__(self, native: Native, context: int, header: Header) -> None:
        self._native = native
        self._room = context - (WORDS if TEMPLATE in header.values else SPECIAL)

    async def fit(self, query: str, texts: list[str]) -> list[str]:
        """The texts, as far as each can be read. Raises `QueryTooLongError`."""
        # A token is at least one byte of text.
        longest = max(len(text.encode()) for text in texts)
        if len(query.encode()) + longest <= self._room:
            return texts
        asked = len(await self._native.tokens(query))
        room = self._room - asked
        if room < LEAST:
            raise QueryTooLongError(asked, self._room - LEAST)
        return [await self._cut(text, room) for text in texts]

    async def _cut(self, text: str, room: int) -> str:
        while len(text.encode()) > room:
            tokens = len(await self._native.tokens(text))
            if tokens <= room:
                break
            text = text[: min(len(text) * room // tokens, len(text) - 1)]
        return text
