"""JSON to a struct, with errors that name the field."""

import re
from typing import TypeVar

import msgspec

from stellwerk.base.errors import InvalidRequestError

T = TypeVar("T")

_PLACE = re.compile(r" - at `\$\.?(.*)`$")


def decode(body: bytes, shape: type[T]) -> T:
    """Decode `body` as `shape`. Raises `InvalidRequestError` that names the field at fault."""
    if not body.strip():
        raise InvalidRequestError("The body is empty; send a JSON object.", code="invalid_json")
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        text = str(error)
        place = _PLACE.search(text)
        message, param = (text[: place.start()], place.group(1)) if place else (text, None)
        where = f"`{param}`: " if param else ""
        raise InvalidRequestError(f"{where}{message}.", param=param, code="invalid_type") from error
    except RecursionError as error:
        message = "The body is nested too deeply."
        raise InvalidRequestError(message, code="invalid_json") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"The body is not valid JSON: {error}."
        raise InvalidRequestError(message, code="invalid_json") from error
