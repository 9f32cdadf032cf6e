"""Searching a vector store: the query's vector comes by the one way to a model."""

from stellwerk.features.keys.types import Principal
from stellwerk.features.stores.errors import NotOfferedError, OtherModelError
from stellwerk.features.stores.index import Index
from stellwerk.features.stores.service import living
from stellwerk.features.stores.types import Hit, Hits, HybridWeights, Query
from stellwerk.operations.embed import Embedder

EQUAL = HybridWeights(embedding_weight=1, text_weight=1)


class Search:
    """Answers queries with the rights of the caller."""

    def __init__(self, index: Index, embedder: Embedder) -> None:
        self._index = index
        self._embedder = embedder

    async def search(self, caller: Principal, store_id: str, asked: Query, request_id: str) -> Hits:
        """The best chunks of a store, the best first. Several queries: each at its best place.

        Raises `UnknownStoreError`, `StoreExpiredError`, `FilterError`, `NotOfferedError`, and what
        the verb embeddings raises.
        """
        _check(asked)
        async with self._index.database.connect() as connection:
            store = await living(connection, caller.project_id, store_id)
        caller.require_model(store.model)
        vectors = await self._embedder.vectors(
            caller, store.model, asked.queries, request_id=request_id, is_query=True
        )
        if store.width not in {None, len(vectors[0])}:
            raise OtherModelError(store.model)
        options = asked.ranking_options
        found: dict[int, Hit] = {}
        for query, vector in zip(asked.queries, vectors, strict=True):
            for chunk, hit in await self._index.search(
                store_id,
                query,
                vector.tolist(),
                filters=asked.filters,
                weights=(options and options.hybrid_search) or EQUAL,
                limit=asked.limit,
            ):
                if chunk not in found or hit.score > found[chunk].score:
                    found[chunk] = hit
        least = options.score_threshold if options else 0
        hits = sorted(found.values(), key=lambda hit: -hit.score)
        return Hits(
            search_query=asked.queries,
            data=[hit for hit in hits if hit.score >= least][: asked.limit],
        )


def _check(asked: Query) -> None:
    if asked.rewrite_query:
        raise NotOfferedError("`rewrite_query` is not offered here.", param="rewrite_query")
    if asked.top_k_images:
        raise NotOfferedError(
            "`top_k_images`: this store has no page images; ask for 0 or leave it out.",
            param="top_k_images",
        )
