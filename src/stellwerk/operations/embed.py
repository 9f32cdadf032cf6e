"""Vectors for the hub's own needs, asked for like any caller's: by `Runner.run`."""

import base64
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from stellwerk.base.errors import StellwerkError
from stellwerk.features.keys.types import Principal
from stellwerk.operations import embeddings
from stellwerk.operations.asking import answer
from stellwerk.operations.run import Runner
from stellwerk.upstreams.failures import UpstreamError
from stellwerk.wire.embeddings import EmbeddingList

Vectors = npt.NDArray[np.float32]

# What pgvector's 16-bit floats can hold; whatever is no number fails the comparison.
WIDEST, LARGEST = 16_000, 65_504.0


class Embedder:
    """Turns texts into vectors, with the rights and on the account of a caller."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def vectors(
        self,
        principal: Principal,
        model: str,
        texts: Sequence[str],
        *,
        request_id: str,
        is_query: bool = False,
    ) -> Vectors:
        """One row a text. Raises `StellwerkError`, as the verb does."""
        body: dict[str, object] = {
            "model": model,
            "input": list(texts),
            "encoding_format": "base64",
        }
        if self._runner.catalog.models.get(model).entry.upstream is None:
            # Other servers may refuse a field that OpenAI does not have.
            body["input_type"] = "query" if is_query else "passage"
        told = await answer(self._runner, embeddings.OPERATION, principal, body, request_id)
        return _read(told, len(texts), model)


def _read(body: bytes, number: int, model: str) -> Vectors:
    try:
        data = sorted(msgspec.json.decode(body, type=EmbeddingList).data, key=lambda one: one.index)
        # Numbers that are too large become what is refused.
        with np.errstate(all="ignore"):
            rows = [_vector(one.embedding) for one in data]
        vectors = np.stack(rows)
    except (msgspec.MsgspecError, ValueError) as error:
        raise _wrong(model) from error
    fits = 0 < vectors.shape[1] <= WIDEST and bool((np.abs(vectors) <= LARGEST).all())
    if len(vectors) != number or not fits:
        raise _wrong(model)
    return vectors


def _vector(given: list[float] | str) -> npt.NDArray[np.float32]:
    if isinstance(given, str):
        return np.frombuffer(base64.b64decode(given), dtype="<f4")
    return np.asarray(given, dtype=np.float32)


def _wrong(model: str) -> StellwerkError:
    return UpstreamError(f"{model!r} answered with something else than the vectors of the texts.")
