"""Models that look at a page and give many vectors: ColPali, ColQwen and their kind.

They run where `/pooling` is served in vLLM's shape: on an upstream, or in an engine of ours.
"""

import asyncio
import base64
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from stellwerk.base.errors import StellwerkError
from stellwerk.features.keys.types import Principal
from stellwerk.operations import pooling
from stellwerk.operations.asking import answer
from stellwerk.operations.embed import Vectors
from stellwerk.operations.run import Runner
from stellwerk.upstreams.failures import UpstreamError
from stellwerk.wire.pooling import PoolingAnswer

# What these models were trained to see beside a page.
BESIDE = "Describe the image."
# Vectors of a page or a question, and the length that PostgreSQL can index.
MOST, WIDEST = 8192, 4000


class Seer:
    """Turns pictures and questions into vectors, with the rights and on the account of a caller."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def picture(
        self, principal: Principal, model: str, picture: bytes, request_id: str
    ) -> Vectors:
        """The vectors of a PNG, one a row. Raises `StellwerkError`, as the verb does."""
        uri = "data:image/png;base64," + base64.b64encode(picture).decode()
        content = [
            {"type": "image_url", "image_url": {"url": uri}},
            {"type": "text", "text": BESIDE},
        ]
        body = {"messages": [{"role": "user", "content": content}]}
        [vectors] = await self._asked(principal, model, body, 1, request_id)
        return vectors

    async def questions(
        self, principal: Principal, model: str, texts: Sequence[str], request_id: str
    ) -> list[Vectors]:
        """The vectors of each text, one a row. Raises `StellwerkError`, as the verb does."""
        return await self._asked(principal, model, {"input": list(texts)}, len(texts), request_id)

    async def _asked(
        self,
        principal: Principal,
        model: str,
        body: Mapping[str, object],
        number: int,
        request_id: str,
    ) -> list[Vectors]:
        asked = {"model": model, **body, "encoding_format": "float"}
        told = await answer(self._runner, pooling.OPERATION, principal, asked, request_id)
        # Some hundred vectors are a megabyte of JSON.
        return await asyncio.to_thread(_read, told, number, model)


def _read(body: bytes, number: int, model: str) -> list[Vectors]:
    try:
        data = sorted(msgspec.json.decode(body, type=PoolingAnswer).data, key=lambda one: one.index)
        # Numbers that are too large become what is refused.
        with np.errstate(all="ignore"):
            found = [_vectors(one.data) for one in data]
    except (msgspec.MsgspecError, ValueError) as error:
        raise _wrong(model) from error
    widths = {vectors.shape[1] for vectors in found}
    if len(found) != number or len(widths) != 1:
        raise _wrong(model)
    return found


def _vectors(given: list[list[float]]) -> Vectors:
    """Of length 1. Raises `ValueError` for what are no vectors of one length."""
    vectors = np.asarray(given, dtype=np.float32)
    if vectors.ndim != 2 or len(vectors) > MOST or not 0 < vectors.shape[1] <= WIDEST:
        raise ValueError(vectors.shape)
    lengths = np.linalg.norm(vectors, axis=1)
    # What a model leaves empty (padding) is like nothing.
    kept = vectors[lengths > 0] / lengths[lengths > 0, np.newaxis]
    if not len(kept) or not np.isfinite(kept).all():
        raise ValueError("no vectors")
    made: Vectors = kept.astype(np.float32)
    return made


def _wrong(model: str) -> StellwerkError:
    message = f"{model!r} answered with something else than the vectors of a page or a question."
    return UpstreamError(message)
