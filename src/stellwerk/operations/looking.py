"""Looking at the pictures of a document while it is ingested.

A store with a page model gets vectors of every page's picture. In every store, what a scan or a
picture says becomes text like any other, where the key may use a model of type OCR.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, replace

from stellwerk.base.log import get_logger
from stellwerk.features.catalog.errors import WeightsMissingError
from stellwerk.features.catalog.service import Catalog
from stellwerk.features.keys.types import Principal
from stellwerk.features.stores.index import Task
from stellwerk.operations.embed import Vectors
from stellwerk.operations.pages import PageModel, PageModels
from stellwerk.ports.reading import Page, Pictures, scanned

log = get_logger("operations")


@dataclass(frozen=True, slots=True)
class View:
    """A picture of a page, as PNG, and its vectors."""

    picture: bytes
    vectors: Vectors


class Looking:
    """Knows which models look at the pictures of whose documents."""

    def __init__(self, catalog: Catalog, models: PageModels) -> None:
        self._catalog = catalog
        self.models = models

    def reader(self, principal: Principal) -> str | None:
        """The first model of type OCR that the key may use."""
        for model in self._catalog.models:
            if model.entry.type == "OCR" and principal.may_use(model.id):
                return model.id
        return None

    def at(self, principal: Principal, task: Task) -> "Looker":
        """For one file. Raises `StellwerkError` when the store's page model is gone."""
        model = None
        if task.vision_model is not None:
            model = self.models.of(task.vision_model, task.model)
        return Looker(principal, task, self.models, model, self.reader(principal))


@dataclass(slots=True)
class Looker:
    """Looks at the pages of one file."""

    principal: Principal
    task: Task
    models: PageModels
    model: PageModel | None
    reader: str | None

    @property
    def wanted(self) -> Pictures:
        if self.model is not None:
            return "all"
        return "scans" if self.reader is not None else "none"

    async def each(self, pages: AsyncIterator[Page]) -> AsyncGenerator[tuple[Page, Sequence[View]]]:
        """Each page with the views of it; a scan with the text that was read."""
        async for page in pages:
            yield await self._seen(page)

    async def _seen(self, page: Page) -> tuple[Page, Sequence[View]]:
        views: list[View] = []
        read: list[str] = []
        for picture in page.pictures:
            said = None
            if self.model is not None:
                seen = await self.model.see(self.principal, picture, self.task.request_id)
                said = seen.text
                if len(seen.vectors):
                    views.append(View(picture, seen.vectors))
            if said is None and scanned(page.text):
                said = await self._read(picture)
            read.append(said or "")
        text = "\n".join(part for part in read if part.strip())
        if scanned(page.text) and len(text) > len(page.text):
            page = replace(page, text=text)
        return page, views

    async def _read(self, picture: bytes) -> str | None:
        if self.reader is None:
            return None
        try:
            lines = await self.models.pictures.lines(
                self.principal, self.reader, picture, self.task.request_id
            )
        except WeightsMissingError:
            # The rest of the document is worth having; where nothing is left, that is an error.
            log.warning("a scan is not read: the weights are missing", model=self.reader)
            self.reader = None
            return None
        return "\n".join(line.text for line in lines)
