"""Hits in the order that a rerank model puts them in, asked for like any caller's."""

from collections.abc import Sequence

import msgspec

from stellwerk.base.errors import at_field
from stellwerk.features.catalog.errors import WrongModelError
from stellwerk.features.keys.types import Principal
from stellwerk.operations import rerank
from stellwerk.operations.asking import answer
from stellwerk.operations.run import Runner
from stellwerk.upstreams.failures import UpstreamError
from stellwerk.wire.rerank import RerankAnswer

PARAM = "ranking_options.ranker"


class Reranker:
    """Scores texts, with the rights and on the account of a caller."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def check(self, principal: Principal, name: str) -> str:
        """The model's id. Raises `StellwerkError` for what is no rerank model of the caller's."""
        with at_field(PARAM):
            model = self._runner.catalog.models.get(name)
            principal.require_model(model.id)
        if model.entry.type != "RERANK":
            raise WrongModelError(
                f"{model.id!r} ({model.entry.type}) cannot rerank. Use `auto`, or a model of type "
                "RERANK.",
                param=PARAM,
            )
        return model.id

    async def scores(
        self,
        principal: Principal,
        model: str,
        query: str,
        texts: Sequence[str],
        request_id: str,
    ) -> list[float]:
        """How relevant each text is. Raises `StellwerkError`, as the verb does."""
        if not texts:
            return []
        body = {"model": model, "query": query, "documents": list(texts), "top_n": len(texts)}
        told = await answer(self._runner, rerank.OPERATION, principal, body, request_id)
        try:
            results = msgspec.json.decode(told, type=RerankAnswer).results
            found = {result.index: result.relevance_score for result in results}
            return [found[place] for place in range(len(texts))]
        except (msgspec.MsgspecError, KeyError) as error:
            message = f"{model!r} answered with something else than a score for each text."
            raise UpstreamError(message) from error
