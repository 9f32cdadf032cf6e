"""Vector stores as the API takes and shows them: OpenAI's shapes, and the Visual RAG service's.

What is asked of them, and found, is in `query`.
"""

from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from stellwerk.base.values import Line

# Of a token of ordinary text in German or English; the models' own tokenizers differ.
CHARACTERS_PER_TOKEN = 4
# Files that come in together.
MOST_FILES = 2000


def storable(text: str) -> str:
    """Raises `ValueError` for what PostgreSQL cannot hold: NUL, half of a surrogate pair."""
    if "\0" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
        raise ValueError("text with a NUL or half of a surrogate pair")
    return text


Short = Annotated[str, Field(max_length=512), AfterValidator(storable)]
# An integer stays what it is, as far as 64 bits go: half of an identifier would be another.
Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Value = Short | bool | Whole | Number
Key = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(storable)]
Attributes = Annotated[dict[Key, Value], Field(max_length=16)]
Metadata = Annotated[dict[Key, Short], Field(max_length=16)]
Status = Literal["in_progress", "completed", "failed", "cancelled"]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Static(Body):
    """Sizes in tokens, each counted as four characters."""

    max_chunk_size_tokens: int = Field(ge=100, le=4096, description="Most tokens of a chunk.")
    chunk_overlap_tokens: int = Field(ge=0, description="Tokens that two neighbours share.")

    @model_validator(mode="after")
    def _less_than_half(self) -> Self:
        if self.chunk_overlap_tokens * 2 > self.max_chunk_size_tokens:
            raise ValueError("chunk_overlap_tokens may be at most half of max_chunk_size_tokens")
        return self


class Chunking(Body):
    """How a file is cut: OpenAI's `auto` and `static`, or `chunk_size` in characters."""

    type: Literal["auto", "static"] | None = Field(None, description="`auto` is the default.")
    static: Static | None = Field(None, description="Goes with `type: static`.")
    chunk_size: int | None = Field(None, ge=100, le=16_384, description="Characters of a chunk.")
    chunk_overlap: int | None = Field(
        None, ge=0, description="Characters that two neighbours share; at most half a chunk."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.type == "static") != (self.static is not None):
            raise ValueError("`type: static` and `static` go together")
        if self.type is not None and (self.chunk_size or self.chunk_overlap) is not None:
            raise ValueError("give either `type` or `chunk_size` and `chunk_overlap`")
        size, overlap = self.characters()
        if overlap * 2 > size:
            raise ValueError("the overlap may be at most half of a chunk")
        return self

    def characters(self) -> tuple[int, int]:
        """Size and overlap of a chunk, in characters."""
        if self.static is not None:
            sizes = (self.static.max_chunk_size_tokens, self.static.chunk_overlap_tokens)
            return sizes[0] * CHARACTERS_PER_TOKEN, sizes[1] * CHARACTERS_PER_TOKEN
        size = self.chunk_size or 1024
        return size, 100 if self.chunk_overlap is None else self.chunk_overlap


class Models(Chunking):
    """As `Chunking`; a store that is made may name its models here."""

    text_embedding_model: Line | None = Field(
        None, description="Embeds the texts. Default: the first embedding model of the key."
    )
    vision_embedding_model: Line | None = Field(
        None, description="Makes pages searchable by their images. Default: they are not."
    )


class StoreModels(NamedTuple):
    """The models of a store; `vision` is that of page images."""

    text: str
    vision: str | None


class Life(Body):
    """When a store ends by itself."""

    anchor: Literal["last_active_at"] = Field(description="Always `last_active_at`.")
    days: int = Field(ge=1, le=365, description="Days without use.")


class NewStore(Body):
    """A vector store to be made."""

    name: Line | None = Field(None, description="Name.")
    description: Line | None = Field(None, description="What it is for.")
    file_ids: list[str] = Field([], max_length=MOST_FILES, description="Files to put into it.")
    chunking_strategy: Models | None = Field(None, description="Models, and how files are cut.")
    expires_after: Life | None = Field(None, description="When it ends by itself.")
    metadata: Metadata | None = Field(None, description="Anything, up to 16 texts.")


class StoreChanges(Body):
    """What of a store is to change. What is not given stays; null clears."""

    name: Line | None = Field(None, description="Name.")
    expires_after: Life | None = Field(None, description="When it ends by itself.")
    metadata: Metadata | None = Field(None, description="Anything, up to 16 texts.")


class NewStoreFile(Body):
    """A file to be put into a store."""

    file_id: str = Field(description="The file.")
    attributes: Attributes | None = Field(None, description="What filters look at.")
    chunking_strategy: Chunking | None = Field(None, description="How it is cut.")


class NewBatch(Body):
    """Files to be put into a store together."""

    file_ids: list[str] | None = Field(None, max_length=MOST_FILES, description="Files cut alike.")
    files: list[NewStoreFile] | None = Field(
        None, max_length=MOST_FILES, description="Files, each with its own settings."
    )
    attributes: Attributes | None = Field(None, description="Of all of `file_ids`.")
    chunking_strategy: Chunking | None = Field(None, description="Of all of `file_ids`.")

    @model_validator(mode="after")
    def _one_list(self) -> Self:
        if (self.file_ids is None) == (self.files is None) or not (self.file_ids or self.files):
            raise ValueError("give either `file_ids` or `files`, with at least one file")
        return self

    def each(self) -> list[NewStoreFile]:
        if self.files is not None:
            return self.files
        return [
            NewStoreFile(
                file_id=name, attributes=self.attributes, chunking_strategy=self.chunking_strategy
            )
            for name in self.file_ids or ()
        ]


class AttributeChanges(Body):
    """New attributes of a file in a store, in place of the old ones."""

    attributes: Attributes | None = Field(description="What filters look at.")


class FileCounts(BaseModel):
    """The files of a store, by where they stand."""

    in_progress: int = Field(0, description="Files that are being read.")
    completed: int = Field(0, description="Files that can be found.")
    failed: int = Field(0, description="Files that could not be put in.")
    cancelled: int = Field(0, description="Files that were stopped.")
    total: int = Field(0, description="All of them.")


class Store(BaseModel):
    """A vector store."""

    id: str = Field(description="Identifier.")
    object: Literal["vector_store"] = "vector_store"
    created_at: int = Field(description="Unix seconds when it was made.")
    name: str | None = Field(description="Name.")
    description: str | None = Field(description="What it is for.")
    usage_bytes: int = Field(description="Bytes of its texts and vectors.")
    file_counts: FileCounts = Field(description="Its files, by where they stand.")
    status: Literal["expired", "in_progress", "completed"] = Field(description="Where it stands.")
    expires_after: Life | None = Field(description="When it ends by itself.")
    expires_at: int | None = Field(description="Unix seconds of that, as things are.")
    last_active_at: int = Field(description="Unix seconds of its last use.")
    metadata: dict[str, str] = Field(
        description="What was given, and the models: `text_embedding_model`, and where it has page "
        "images, `vision_embedding_model`."
    )


class FileError(BaseModel):
    """Why a file could not be put into the store."""

    code: Literal["server_error", "unsupported_file", "invalid_file"] = Field(
        description="`invalid_file` and `unsupported_file` speak of the file itself."
    )
    message: str = Field(description="What was wrong, and what to do.")


class StaticStrategy(BaseModel):
    """How a file was cut, with four characters to a token."""

    type: Literal["static"] = "static"
    static: dict[str, int] = Field(description="The sizes.")


class StoreFile(BaseModel):
    """A file in a vector store."""

    id: str = Field(description="The file's identifier.")
    object: Literal["vector_store.file"] = "vector_store.file"
    created_at: int = Field(description="Unix seconds when it was put in.")
    vector_store_id: str = Field(description="The store.")
    status: Status = Field(description="Where it stands.")
    last_error: FileError | None = Field(description="Why it failed.")
    usage_bytes: int = Field(description="Bytes of its texts and vectors.")
    attributes: dict[str, str | bool | int | float] = Field(description="What filters look at.")
    chunking_strategy: StaticStrategy = Field(description="How it is cut.")
    pages_done: int = Field(description="Pages that can be found already.")
    pages: int | None = Field(description="Pages that it has; null: not known yet.")


class Batch(BaseModel):
    """Files that were put into a store together."""

    id: str = Field(description="Identifier.")
    object: Literal["vector_store.files_batch"] = "vector_store.files_batch"
    created_at: int = Field(description="Unix seconds when they were put in.")
    vector_store_id: str = Field(description="The store.")
    status: Status = Field(description="`in_progress` until every file has come to its end.")
    file_counts: FileCounts = Field(description="Its files, by where they stand.")


class Deleted(BaseModel):
    """What is no more."""

    id: str = Field(description="Its identifier.")
    object: Literal["vector_store.deleted", "vector_store.file.deleted"] = Field(
        description="What it was."
    )
    deleted: Literal[True] = True


class StorePage(BaseModel):
    """A page of vector stores."""

    object: Literal["list"] = "list"
    data: list[Store] = Field(description="The stores.")
    first_id: str | None = Field(description="Id of the first of them.")
    last_id: str | None = Field(description="Id of the last; `after` it the next page begins.")
    has_more: bool = Field(description="Whether there is a next page.")


class StoreFilePage(BaseModel):
    """A page of the files of a store."""

    object: Literal["list"] = "list"
    data: list[StoreFile] = Field(description="The files.")
    first_id: str | None = Field(description="Id of the first of them.")
    last_id: str | None = Field(description="Id of the last; `after` it the next page begins.")
    has_more: bool = Field(description="Whether there is a next page.")
