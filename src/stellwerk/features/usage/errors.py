"""What is wrong with a question about usage."""

from stellwerk.base.errors import InvalidRequestError


class UnknownGroupError(InvalidRequestError):
    """400: a key, a project or a place in the list that does not exist."""

    code = "usage_filter_unknown"
