"""Searching a vector store: the query's vectors come by the one way to a model."""

import base64
from collections.abc import Sequence
from typing import Any

from stellwerk.data.blobs.errors import BlobMissingError
from stellwerk.data.blobs.store import Blobs
from stellwerk.features.keys.types import Principal
from stellwerk.features.stores.errors import NotOfferedError, OtherModelError
from stellwerk.features.stores.finding import Chunks, hit
from stellwerk.features.stores.pages import FoundPage, Pages
from stellwerk.features.stores.query import RERANKED, Content, Hit, Hits, HybridWeights, Query
from stellwerk.features.stores.service import living
from stellwerk.operations.embed import Embedder
from stellwerk.operations.pages import PageModels
from stellwerk.operations.reranking import Reranker

EQUAL = HybridWeights(embedding_weight=1, text_weight=1)


class Search:
    """Answers queries with the rights of the caller."""

    def __init__(
        self,
        chunks: Chunks,
        pages: Pages,
        blobs: Blobs,
        embedder: Embedder,
        models: PageModels,
        reranker: Reranker,
    ) -> None:
        self._chunks = chunks
        self._pages = pages
        self._blobs = blobs
        self._embedder = embedder
        self._reranker = reranker
        self.models = models

    async def search(self, caller: Principal, store_id: str, asked: Query, request_id: str) -> Hits:
        """The best page images, then the best chunks. Several queries: each at its best place.

        Raises `UnknownStoreError`, `StoreExpiredError`, `FilterError`, `NotOfferedError`, and what
        the verbs of the models raise.
        """
        async with self._chunks.database.connect() as connection:
            store = await living(connection, caller.project_id, store_id)
        _check(asked, store)
        images = await self._images(caller, store, asked, request_id) if asked.images else []
        texts = await self._texts(caller, store, asked, request_id) if asked.limit else []
        return Hits(search_query=asked.queries, data=[*images, *texts])

    async def _texts(
        self, caller: Principal, store: Any, asked: Query, request_id: str
    ) -> list[Hit]:
        ranker = self._reranker.check(caller, asked.ranker) if asked.ranker else None
        vectors = await self._embedder.vectors(
            caller, store.model, asked.queries, request_id=request_id, is_query=True
        )
        if store.width not in {None, len(vectors[0])}:
            raise OtherModelError(store.model)
        options = asked.ranking_options
        found: dict[int, Hit] = {}
        for query, vector in zip(asked.queries, vectors, strict=True):
            hits = await self._chunks.search(
                store.id,
                query,
                vector.tolist(),
                filters=asked.filters,
                weights=(options and options.hybrid_search) or EQUAL,
                limit=RERANKED if ranker else asked.limit,
            )
            if ranker:
                hits = await self._reranked(caller, ranker, query, hits, request_id)
            for chunk, one in hits:
                if chunk not in found or one.score > found[chunk].score:
                    found[chunk] = one
        least = options.score_threshold if options else 0
        ordered = sorted(found.values(), key=lambda one: -one.score)
        return [one for one in ordered if one.score >= least][: asked.limit]

    async def _reranked(
        self,
        caller: Principal,
        ranker: str,
        query: str,
        hits: Sequence[tuple[int, Hit]],
        request_id: str,
    ) -> list[tuple[int, Hit]]:
        texts = [one.content[0].text for _, one in hits]
        scores = await self._reranker.scores(caller, ranker, query, texts, request_id)
        return [
            (chunk, one.model_copy(update={"score": score}))
            for (chunk, one), score in zip(hits, scores, strict=True)
        ]

    async def _images(
        self, caller: Principal, store: Any, asked: Query, request_id: str
    ) -> list[Hit]:
        model = self.models.of(store.vision_model, store.model)
        found: dict[int, FoundPage] = {}
        for question in await model.ask(caller, asked.queries, request_id):
            if store.vision_width not in {None, question.shape[1]}:
                raise OtherModelError(store.vision_model)
            for page in await self._pages.search(
                store.id, question, filters=asked.filters, limit=asked.images
            ):
                known = found.get(page.row.id)
                if known is None or page.score > known.score:
                    found[page.row.id] = page
        best = sorted(found.values(), key=lambda one: -one.score)[: asked.images]
        hits = [await self._image(page) for page in best]
        return [one for one in hits if one is not None]

    async def _image(self, page: FoundPage) -> Hit | None:
        row = page.row
        try:
            picture = await self._blobs.get(row.picture, 0, row.picture_bytes)
        except BlobMissingError:
            # It was taken out of the store while we searched.
            return None
        uri = "data:image/png;base64," + base64.b64encode(picture).decode()
        return hit(row, page.score, Content(type="base64", text=uri))


def _check(asked: Query, store: Any) -> None:
    if asked.rewrite_query:
        raise NotOfferedError("`rewrite_query` is not offered here.", param="rewrite_query")
    if asked.images and store.vision_model is None:
        raise NotOfferedError(
            "`top_k_images`: this store has no page images. Make one whose `chunking_strategy` "
            "names a `vision_embedding_model`, or leave `top_k_images` out.",
            param="top_k_images",
        )
