"""Why a request is not admitted."""

from collections.abc import Sequence

from stellwerk.base.errors import Kind, StellwerkError, UnavailableError


class RateLimitedError(StellwerkError):
    """429: a limit is used up for the moment."""

    kind = Kind.RATE_LIMITED
    code = "rate_limit_exceeded"

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.headers = headers


class BudgetExceededError(StellwerkError):
    """429: the money is spent; to repeat the request does not help."""

    kind = Kind.EXHAUSTED
    code = "insufficient_quota"

    def __init__(self, message: str, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        super().__init__(message)
        self.headers = (*headers, (b"x-should-retry", b"false"))


class LimitsUnavailableError(UnavailableError):
    """503: the database that the limits are shared through has been away for too long."""

    code = "limits_unavailable"

    def __init__(self) -> None:
        super().__init__(
            "The limits of this API key cannot be looked up just now: the database is away. "
            "Try again soon.",
            retry_after=2,
        )
