"""Why a key is refused, and what is wrong with a key that is to be made."""

from stellwerk.base.errors import Kind, StellwerkError


class KeyRefusedError(StellwerkError):
    """401: there is no key, or none that counts."""

    kind = Kind.UNAUTHENTICATED
    code = "invalid_api_key"


class ScopeMissingError(StellwerkError):
    """403: the key is good, but not for this."""

    kind = Kind.FORBIDDEN
    code = "insufficient_permissions"


class ModelForbiddenError(StellwerkError):
    """403: the model exists, and the key may not use it."""

    kind = Kind.FORBIDDEN
    code = "model_not_allowed"


class UnknownKeyError(StellwerkError):
    """404: no key has this id."""

    kind = Kind.NOT_FOUND
    code = "key_not_found"


class UnknownProjectError(StellwerkError):
    """404: no project has this id or name."""

    kind = Kind.NOT_FOUND
    code = "project_not_found"


class NameTakenError(StellwerkError):
    """409: another key of the project has this name."""

    kind = Kind.CONFLICT
    code = "name_taken"
