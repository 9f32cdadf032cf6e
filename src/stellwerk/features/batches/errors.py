"""What can be wrong with a batch."""

from stellwerk.base.errors import InvalidRequestError, Kind, StellwerkError


class UnknownBatchError(StellwerkError):
    """404: the project has no such batch."""

    kind = Kind.NOT_FOUND
    code = "batch_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no batch {name!r}.", param="batch_id")


class BatchEndedError(StellwerkError):
    """409: the batch has ended, or is about to."""

    kind = Kind.CONFLICT
    code = "batch_ended"


class TooManyBatchesError(StellwerkError):
    """429: the project has as many unfinished batches as it may."""

    kind = Kind.RATE_LIMITED
    code = "too_many_batches"


class NotForBatchesError(InvalidRequestError):
    """400: the file or the endpoint is none for batches."""

    code = "not_for_batches"
