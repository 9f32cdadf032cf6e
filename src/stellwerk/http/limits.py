"""How large a request may be."""

from stellwerk.base.errors import Kind, StellwerkError


class BodyTooLargeError(StellwerkError):
    """The body is larger than this endpoint takes."""

    kind = Kind.TOO_LARGE
    code = "body_too_large"


def too_large(limit: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"The body is larger than the {limit} bytes that are taken here.")
