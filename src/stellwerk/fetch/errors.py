"""What can be wrong with an address that a caller named. Its name in the call is `param`."""

from stellwerk.base.errors import InvalidRequestError, Kind


class InvalidUrlError(InvalidRequestError):
    """400: the text is no URL that the hub would go to."""

    code = "invalid_url"


class ForbiddenAddressError(InvalidRequestError):
    """400: the URL, or one that it redirects to, leads into a network that is not for callers."""

    code = "forbidden_address"


class FetchFailedError(InvalidRequestError):
    """400: whoever answers at the URL did not give what was asked for."""

    code = "fetch_failed"


class FetchTimeoutError(FetchFailedError):
    """400: the other side took too long, in all."""

    code = "fetch_timeout"


class FetchedTooLargeError(FetchFailedError):
    """413: there is more at the URL than may be fetched."""

    kind = Kind.TOO_LARGE
    code = "fetched_too_large"
