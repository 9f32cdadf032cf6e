"""Questions and texts that fit into the model's context together."""

from stellwerk.base.errors import InvalidRequestError
from stellwerk.engines.llama.gguf import Header
from stellwerk.engines.llama.native import Native

# Tokens that part a question from a text.
SPECIAL = 8
# Tokens of a text that are to be read whatever the question.
LEAST = 32
TEMPLATE = "tokenizer.chat_template.rerank"
# A character may become many tokens, as an Arabic ligature that is written out; a token has few
# characters that are no white space.
MOST_TOKENS, MOST_CHARACTERS = 20, 16


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

    def __init__(self, native: Native, room: int, *, templated: bool) -> None:
        """`templated`: the model's own words stand around question and text."""
        self._native, self._room, self._templated = native, room, templated

    @classmethod
    async def of(cls, native: Native, context: int, header: Header) -> "Fitting":
        """For a model with so many tokens of context."""
        template = str(header.values.get(TEMPLATE, ""))
        words = await native.tokens(template) if template else []
        return cls(native, context - SPECIAL - len(words), templated=bool(template))

    async def fit_query(self, query: str) -> tuple[str, int]:
        """The question, and how many tokens of a text go with it. Raises `QueryTooLongError`."""
        query = self._plain(query)
        tokens = await self._count(query)
        if self._room - tokens < LEAST:
            raise QueryTooLongError(tokens, max(0, self._room - LEAST))
        return query, self._room - tokens

    async def fit(self, text: str, room: int) -> str:
        """The text, as far as it can be read."""
        text = self._plain(text)
        if MOST_TOKENS * len(text) <= room or await self._fits(text, room):
            return text
        text = " ".join(text.split())[: MOST_CHARACTERS * room]
        if await self._fits(text, room):
            return text
        kept, lost = 0, len(text)
        while lost - kept > 1:
            middle = (kept + lost) // 2
            if await self._fits(text[:middle], room):
                kept = middle
            else:
                lost = middle
        return text[:kept]

    async def _fits(self, text: str, room: int) -> bool:
        # A space alone is no token, so very many of them need no count.
        return len(text) <= 8 * MOST_CHARACTERS * room and await self._count(text) <= room

    async def _count(self, text: str) -> int:
        return len(await self._native.tokens(text, special=self._templated))

    def _plain(self, text: str) -> str:
        """Without what a template would take for its own: places to fill and marks of turns."""
        if not self._templated:
            return text
        for mark in ("<|", "{document}", "{query}"):
            text = text.replace(mark, f"{mark[0]} {mark[1:]}")
        return text
