"""What a caller is told whose answer the end of the server cuts."""

from stellwerk.base.errors import UnavailableError


class ShuttingDownError(UnavailableError):
    """The server was stopped while it answered."""

    code = "shutting_down"

    def __init__(self) -> None:
        super().__init__("The server is shutting down. Try again.", retry_after=5)
