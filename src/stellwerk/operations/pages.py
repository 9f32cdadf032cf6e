"""What a page image becomes: vectors, by which a question finds it, and the text that was read.

`Regions` looks at the picture alone: a model of type OCR reads its lines, and the model of the
store's texts embeds the regions that they form. So a page is found by what stands in its charts and
scans, and needs no vision model. `Sight` is a vision model (ColPali, ColQwen), where there is one.
"""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
import numpy as np

from stellwerk.features.catalog.errors import WrongModelError
from stellwerk.features.catalog.service import Catalog
from stellwerk.features.keys.types import Principal
from stellwerk.features.stores.regions import Line, regions
from stellwerk.operations import ocr
from stellwerk.operations.asking import answer
from stellwerk.operations.embed import Embedder, Vectors
from stellwerk.operations.run import Runner
from stellwerk.operations.seeing import Seer
from stellwerk.upstreams.failures import UpstreamError
from stellwerk.wire.ocr import OcrAnswer

PAGE_MODELS = ("OCR", "VISION_EMBEDDING")
# Where a server tells no places: each line below the one before, so that neighbours join.
LINE_HEIGHT, LINE_WIDTH = 20.0, 1000.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture: its vectors, of length 1, one a row; and its text, where the model reads."""

    vectors: Vectors
    text: str | None


class PageModel(Protocol):
    """Embeds pictures and questions so that late interaction (MaxSim) compares them."""

    async def see(self, principal: Principal, picture: bytes, request_id: str) -> Seen:
        """The vectors of a PNG; none where nothing can be found. Raises `StellwerkError`."""
        ...

    async def ask(
        self, principal: Principal, queries: Sequence[str], request_id: str
    ) -> list[Vectors]:
        """The vectors of each question, one a row. Raises `StellwerkError`."""
        ...


class Pictures:
    """Reads the text in pictures, with the rights and on the account of a caller."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def lines(
        self, principal: Principal, model: str, picture: bytes, request_id: str
    ) -> list[Line]:
        """Raises `StellwerkError`, as the verb does."""
        uri = "data:image/png;base64," + base64.b64encode(picture).decode()
        body = {"model": model, "document": {"type": "image_url", "image_url": uri}}
        told = await answer(self._runner, ocr.OPERATION, principal, body, request_id)
        try:
            pages = msgspec.json.decode(told, type=OcrAnswer).pages
        except msgspec.MsgspecError as error:
            message = f"{model!r} answered with something else than the text of the picture."
            raise UpstreamError(message) from error
        found: list[Line] = []
        for page in pages:
            if page.regions:
                found += [Line(region.text, region.box) for region in page.regions]
            else:
                found += _placed(page.markdown)
        return found


def _placed(text: str) -> list[Line]:
    """Lines of a text that nobody says the places of; an empty one parts two blocks."""
    return [
        Line(line, (0, place * LINE_HEIGHT, LINE_WIDTH, (place + 0.9) * LINE_HEIGHT))
        for place, line in enumerate(text.splitlines())
        if line.strip()
    ]


@dataclass(frozen=True, slots=True)
class Regions:
    """See `PageModel`: `reader` reads pictures, `model` embeds what it read."""

    pictures: Pictures
    embedder: Embedder
    reader: str
    model: str

    async def see(self, principal: Principal, picture: bytes, request_id: str) -> Seen:
        lines = await self.pictures.lines(principal, self.reader, picture, request_id)
        texts = await asyncio.to_thread(regions, lines)
        said = "\n".join(line.text for line in lines)
        if not texts:
            return Seen(np.empty((0, 0), np.float32), said)
        vectors = await self.embedder.vectors(principal, self.model, texts, request_id=request_id)
        return Seen(unit(vectors), said)

    async def ask(
        self, principal: Principal, queries: Sequence[str], request_id: str
    ) -> list[Vectors]:
        vectors = await self.embedder.vectors(
            principal, self.model, queries, request_id=request_id, is_query=True
        )
        return [unit(vector[np.newaxis]) for vector in vectors]


@dataclass(frozen=True, slots=True)
class Sight:
    """See `PageModel`: `model` gives the vectors itself, and reads no text."""

    seer: Seer
    model: str

    async def see(self, principal: Principal, picture: bytes, request_id: str) -> Seen:
        return Seen(await self.seer.picture(principal, self.model, picture, request_id), None)

    async def ask(
        self, principal: Principal, queries: Sequence[str], request_id: str
    ) -> list[Vectors]:
        return await self.seer.questions(principal, self.model, queries, request_id)


class PageModels:
    """The page models by name, each of a type that decides how it looks."""

    def __init__(
        self, catalog: Catalog, pictures: Pictures, embedder: Embedder, seer: Seer
    ) -> None:
        self.pictures = pictures
        self._seer = seer
        self._catalog = catalog
        self._embedder = embedder

    def of(self, name: str, text_model: str) -> PageModel:
        """`text_model` is that of the store. Raises `StellwerkError` for what is no page model."""
        model = self._catalog.models.get(name)
        if model.entry.type not in PAGE_MODELS:
            raise WrongModelError(
                f"{model.id!r} ({model.entry.type}) cannot look at pages. Use one of type "
                f"{' or '.join(PAGE_MODELS)}."
            )
        if model.entry.type == "VISION_EMBEDDING":
            return Sight(self._seer, model.id)
        return Regions(self.pictures, self._embedder, model.id, text_model)


def unit(vectors: Vectors) -> Vectors:
    """The same directions, each of length 1."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    lengths[lengths == 0] = 1
    made: Vectors = (vectors / lengths).astype(np.float32)
    return made
