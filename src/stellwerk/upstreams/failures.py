"""What an answer that is no success means for the caller."""

from contextlib import suppress

import msgspec

from stellwerk.base.errors import Kind, StellwerkError

# Statuses that speak of the caller's request. All others speak of the server that was asked.
OF_THE_REQUEST = {
    400: Kind.INVALID,
    404: Kind.NOT_FOUND,
    413: Kind.TOO_LARGE,
    415: Kind.INVALID,
    422: Kind.INVALID,
    429: Kind.RATE_LIMITED,
    503: Kind.UNAVAILABLE,
    504: Kind.TIMEOUT,
}
CREDENTIALS = {401, 403}
LONGEST_NUMBER = 6


class UpstreamError(StellwerkError):
    """502: what stands behind the hub did not answer as it should."""

    kind = Kind.UPSTREAM
    code = "upstream_error"


class _Detail(msgspec.Struct):
    message: str
    param: str | None = None
    code: str | int | None = None


class _Body(msgspec.Struct):
    error: _Detail


def failure(status: int, retry_after: str | None, body: bytes) -> StellwerkError:
    """The error that an answer with `status` (300 or more) stands for.

    A refusal of our own credentials is none of the caller's business: its text may hold the key.
    """
    if status in CREDENTIALS:
        return UpstreamError(
            "The model's server refused the hub's credentials. Whoever runs this hub has to give "
            "the model's entry the right key (`upstream.api_key_env`).",
            code="upstream_refused",
        )
    kind = OF_THE_REQUEST.get(status, Kind.UPSTREAM)
    told = _Detail(f"The model's server answered with status {status}.", code="upstream_error")
    if status in OF_THE_REQUEST:
        # What a server says of its own troubles may hold what is nobody's business.
        with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            told = msgspec.json.decode(body, type=_Body).error
    return StellwerkError(
        told.message,
        kind=kind,
        param=told.param,
        code=str(told.code) if told.code is not None else None,
        retry_after=_seconds(retry_after),
    )


def _seconds(retry_after: str | None) -> float | None:
    """The header's number of seconds; its other form, a date, is left out."""
    if not retry_after or not retry_after.isdecimal() or len(retry_after) > LONGEST_NUMBER:
        return None
    return float(retry_after)
