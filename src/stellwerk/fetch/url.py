"""What may stand in a URL that a caller gives."""

from yarl import URL

from stellwerk.fetch.errors import InvalidUrlError

LONGEST = 8192
SCHEMES = ("http", "https")


def checked(text: str, param: str) -> URL:
    """The URL, if it is one that the hub would go to. Raises `InvalidUrlError`."""
    if not text[:8].lower().startswith(("http:", "https:")):
        raise _no_web(param)
    if len(text) > LONGEST:
        raise InvalidUrlError(f"`{param}` is longer than {LONGEST} characters.", param=param)
    if not text.isprintable() or " " in text:
        raise InvalidUrlError(f"`{param}` has characters that no URL has.", param=param)
    try:
        url = URL(text)
        host, port = url.host, url.port
    except ValueError as error:
        raise InvalidUrlError(f"`{param}` is no URL.", param=param) from error
    if url.scheme not in SCHEMES or not host:
        raise _no_web(param)
    if url.user is not None or url.password is not None:
        raise InvalidUrlError(f"`{param}` may not hold a user name or password.", param=param)
    if not port:
        raise InvalidUrlError(f"`{param}` names port 0.", param=param)
    return url


def _no_web(param: str) -> InvalidUrlError:
    return InvalidUrlError(
        f"`{param}` must be an http:// or https:// URL with a host.", param=param
    )
