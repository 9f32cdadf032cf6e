"""What can be wrong with a model that was asked for."""

from stellwerk.base.errors import InvalidRequestError, Kind, StellwerkError, UnavailableError


class UnknownModelError(StellwerkError):
    """404: no model has this id or alias."""

    kind = Kind.NOT_FOUND
    code = "model_not_found"


class WrongModelError(InvalidRequestError):
    """400: the model exists and does another kind of work."""

    code = "model_not_supported"


class WeightsMissingError(UnavailableError):
    """503: the model's files are not on this machine."""

    code = "weights_missing"


class EntryConflictError(StellwerkError):
    """409: an id or alias of the entry is taken, or belongs to the configuration file."""

    kind = Kind.CONFLICT
    code = "model_exists"
