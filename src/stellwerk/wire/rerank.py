"""`POST /rerank`: texts in the order of their relevance, in the shape of Cohere, Jina and vLLM."""

from typing import Annotated

import msgspec
from msgspec import Meta


class RerankDocument(msgspec.Struct, kw_only=True):
    """A text, as an object."""

    text: Annotated[str, Meta(description="The text.", examples=["Oil the points weekly."])]


class RerankRequest(msgspec.Struct, kw_only=True):
    """A question, and the texts that may answer it."""

    model: Annotated[
        str, Meta(description="Id of a model that reranks.", examples=["bge-reranker-v2"])
    ]
    query: Annotated[
        str, Meta(min_length=1, description="The question.", examples=["How often to oil points?"])
    ]
    documents: Annotated[
        list[str | RerankDocument],
        Meta(
            min_length=1,
            max_length=1000,
            description="The texts, as strings or as objects.",
            examples=[["Oil the points weekly.", "The canteen opens at noon."]],
        ),
    ]
    top_n: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Most results. Default: all.", examples=[3]),
    ] = None
    return_documents: Annotated[
        bool | None,
        Meta(description="Whether the texts come back with the results.", examples=[False]),
    ] = None


class RerankResult(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A text and how relevant it is."""

    index: Annotated[int, Meta(ge=0, description="Its place in `documents`.", examples=[0])]
    relevance_score: Annotated[
        float, Meta(description="More is better; the scale is the model's.", examples=[0.93])
    ]
    document: Annotated[
        RerankDocument | str | None, Meta(description="The text, where it was asked for.")
    ] = None


class RerankUsage(msgspec.Struct, kw_only=True):
    """What the call used."""

    total_tokens: Annotated[int, Meta(ge=0, description="Tokens.", examples=[21])] = 0
    prompt_tokens: Annotated[int | None, Meta(description="The same.", examples=[21])] = None


class RerankAnswer(msgspec.Struct, kw_only=True):
    """The texts, the most relevant first."""

    id: Annotated[str | None, Meta(description="Identifier, where the server gives one.")] = None
    model: Annotated[
        str | None, Meta(description="Id of the model.", examples=["bge-reranker-v2"])
    ] = None
    results: Annotated[list[RerankResult], Meta(description="The most relevant first.")]
    usage: Annotated[RerankUsage | None, Meta(description="What the call used.")] = None
