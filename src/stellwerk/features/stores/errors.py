"""What can be wrong with a vector store and what is asked of it."""

from stellwerk.base.errors import InvalidRequestError, Kind, StellwerkError


class UnknownStoreError(StellwerkError):
    """404: the project has no such vector store."""

    kind = Kind.NOT_FOUND
    code = "vector_store_not_found"


class UnknownStoreFileError(StellwerkError):
    """404: the vector store has no such file, or no such batch of files."""

    kind = Kind.NOT_FOUND
    code = "vector_store_file_not_found"


class StoreExpiredError(InvalidRequestError):
    """400: the vector store has expired; make another."""

    code = "vector_store_expired"


class FilterError(InvalidRequestError):
    """400: a filter cannot be understood."""

    code = "invalid_filter"


class NotOfferedError(InvalidRequestError):
    """400: something that would change the answer and that this hub does not do."""

    code = "not_offered"


class OtherModelError(InvalidRequestError):
    """400: the store's embedding model gives vectors of another length than it did before."""

    code = "embedding_model_changed"

    def __init__(self, model: str) -> None:
        super().__init__(
            f"{model!r} gives vectors of another length than when the store was filled. Make a "
            "new vector store and put the files into it."
        )
