"""What is asked of a vector store, and what was found, in the shapes of both dialects."""

from typing import Any, Literal, Self

from pydantic import BaseModel, Field, field_validator, model_validator

from stellwerk.base.values import Line
from stellwerk.features.stores.types import Body, storable

MOST_QUERIES, LONGEST_QUERY = 16, 4096


class HybridWeights(Body):
    """How much each way of searching counts."""

    embedding_weight: float = Field(ge=0, le=1000, description="Of what is alike in meaning.")
    text_weight: float = Field(ge=0, le=1000, description="Of what has the same words.")

    @model_validator(mode="after")
    def _one_counts(self) -> Self:
        if not self.embedding_weight and not self.text_weight:
            raise ValueError("one of the weights must be more than 0")
        return self


class Ranking(Body):
    """How hits are ordered, and which are left out."""

    ranker: Line = Field(
        "auto",
        description="A model of type `RERANK` orders the chunks anew. `auto`, `none` and "
        "`default-2024-11-15` leave them as they are.",
    )
    score_threshold: float = Field(0, ge=0, le=1, description="Least score of a chunk.")
    hybrid_search: HybridWeights | None = Field(None, description="Default: both alike.")


RANKERS = ("auto", "none", "default-2024-11-15")
# Chunks of a query that a rerank model is shown.
RERANKED = 50


class Query(Body):
    """What is looked for."""

    query: str | list[str] = Field(
        description="A question or words, or several that are searched together."
    )
    filters: dict[str, Any] | None = Field(None, description="OpenAI's filters on attributes.")
    max_num_results: int = Field(10, ge=1, le=50, description="Most hits.")
    top_k_texts: int | None = Field(None, ge=0, le=50, description="The same, and goes before it.")
    top_k_images: int | None = Field(
        None, ge=0, le=50, description="Most page images, which come before the texts. Default: 0."
    )
    ranking_options: Ranking | None = Field(None, description="Order and least score.")
    rewrite_query: bool = Field(False, description="Not offered: true is refused.")

    @field_validator("query")
    @classmethod
    def _some_words(cls, query: str | list[str]) -> str | list[str]:
        queries = [query] if isinstance(query, str) else query
        if not 1 <= len(queries) <= MOST_QUERIES:
            raise ValueError(f"give 1 to {MOST_QUERIES} queries")
        for one in queries:
            if not one.strip() or len(one) > LONGEST_QUERY:
                raise ValueError(f"a query must have 1 to {LONGEST_QUERY} characters")
            storable(one)
        return query

    @property
    def limit(self) -> int:
        return self.max_num_results if self.top_k_texts is None else self.top_k_texts

    @property
    def ranker(self) -> str | None:
        """The rerank model, if one is named."""
        named = self.ranking_options.ranker if self.ranking_options else RANKERS[0]
        return None if named in RANKERS else named

    @property
    def images(self) -> int:
        return self.top_k_images or 0

    @property
    def queries(self) -> list[str]:
        return [self.query] if isinstance(self.query, str) else self.query


class Content(BaseModel):
    """A piece of text, or the image of a page."""

    type: Literal["text", "base64"] = Field(
        "text", description="`base64`: the text is the image as a data URI."
    )
    text: str = Field(description="The text, or `data:image/png;base64,...`.")


class Hit(BaseModel):
    """A chunk or a page that was found."""

    file_id: str = Field(description="The file.")
    filename: str = Field(description="Its name.")
    score: float = Field(
        description="A chunk's: from 0 to 1; 1 is first in every way of searching. A page image's: "
        "the sum of its likeness to each vector of the query. The two cannot be compared."
    )
    attributes: dict[str, str | bool | int | float] = Field(description="The file's attributes.")
    content: list[Content] = Field(description="The chunk or the image.")
    page_number: int = Field(description="The page it is on, from 1.")
    file_type: str = Field(description="The ending of the file's name, such as `.pdf`.")
    created_at: int = Field(description="Unix seconds when the file was put in.")


class Hits(BaseModel):
    """What was found, the best of each kind first."""

    object: Literal["vector_store.search_results.page"] = "vector_store.search_results.page"
    search_query: list[str] = Field(description="What was looked for.")
    data: list[Hit] = Field(description="The hits: page images, then chunks.")
    has_more: Literal[False] = False
    next_page: None = Field(default=None, description="Always null: this is all of it.")


class ContentPage(BaseModel):
    """The text of a file as it was cut."""

    object: Literal["vector_store.file_content.page"] = "vector_store.file_content.page"
    data: list[Content] = Field(description="The chunks, in order.")
    has_more: Literal[False] = False
    next_page: None = Field(default=None, description="Always null: this is all of it.")
