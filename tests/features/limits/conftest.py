"""What the tests of limits share."""

from stellwerk.base.limits import Limits
from stellwerk.features.keys.types import KeyLimits, Principal


def principal(key: str = "key_1", project: Limits | None = None, **limits: object) -> Principal:
    """A key with these limits, in a project with others."""
    of_key = Limits.model_validate(limits)
    made = KeyLimits(of_key, project or Limits(), "shop")
    return Principal(key, "app", "proj_1", ("*",), frozenset(), None, made)
