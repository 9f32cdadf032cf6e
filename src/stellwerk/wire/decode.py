"""JSON to a struct, with errors that name the field and say what would be right."""

import re
from typing import TypeVar

import msgspec

from stellwerk.base.errors import InvalidRequestError
from stellwerk.wire.choices import choices

T = TypeVar("T")

# How msgspec ends its messages: the place, or for a key of an object what holds it.
_PLACE = re.compile(r" - at `(?:key` in `)?\$\.?(.*)`$")
_MISSING = re.compile(r"^Object missing required field `(.*)`$")
_VALUE = re.compile(r"[<>]=? |of length|matching regex|^Invalid ")
_UNKNOWN_VALUE = re.compile(r"^Invalid (?:enum )?value ")


def decode(body: bytes, shape: type[T]) -> T:
    """Decode `body` as `shape`. Raises `InvalidRequestError` that names the field at fault."""
    if not body.strip():
        raise InvalidRequestError("The body is empty; send a JSON object.", code="invalid_json")
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise explained(str(error), shape) from error
    except RecursionError as error:
        message = "The body is nested too deeply."
        raise InvalidRequestError(message, code="invalid_json") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"The body is not valid JSON: {error}."
        raise InvalidRequestError(message, code="invalid_json") from error


def explained(text: str, shape: type) -> InvalidRequestError:
    """What msgspec says of a body of this `shape`, in our words."""
    place = _PLACE.search(text)
    message, param = (text[: place.start()], place.group(1)) if place else (text, "")
    param = param.replace("[...]", "")
    if missing := _MISSING.match(message):
        param = f"{param}.{missing.group(1)}".lstrip(".")
        return InvalidRequestError(
            f"`{param}` is missing.", param=param, code="missing_required_parameter"
        )
    where = f"`{param}`: " if param else ""
    right = choices(shape, param) if _UNKNOWN_VALUE.match(message) else ()
    advice = f" Use one of: {', '.join(right)}." if right else ""
    code = "invalid_value" if _VALUE.search(message) else "invalid_type"
    return InvalidRequestError(f"{where}{message}.{advice}", param=param or None, code=code)
