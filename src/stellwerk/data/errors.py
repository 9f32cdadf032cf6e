"""What can be wrong with the database, and which raw errors mean that it is merely away."""

from sqlalchemy.exc import DBAPIError

from stellwerk.base.errors import StellwerkError, UnavailableError

# SQLSTATE: connection failures, the server's shutdown or start, no connection left, and a session
# that the server ended because this process slept in the middle of a transaction.
AWAY = ("08", "57P01", "57P02", "57P03", "53300", "25P03")
FULL = "53100"


class DatabaseUnavailableError(UnavailableError):
    """PostgreSQL cannot be reached now; the same statement may succeed later."""

    code = "database_unavailable"

    def __init__(self, reason: object) -> None:
        super().__init__(f"The database cannot be reached: {first_line(reason)}.", retry_after=1)


class DatabaseFullError(DatabaseUnavailableError):
    """PostgreSQL's disk is full: nothing can be written until a person has made room."""

    code = "database_full"

    def __init__(self) -> None:
        message = "The database's disk is full; nothing was stored. Whoever runs it must make room."
        UnavailableError.__init__(self, message)


class UnsuitableDatabaseError(StellwerkError):
    """The database answers, but Stellwerk cannot work with it until a person changes something."""

    code = "database_unsuitable"


def first_line(reason: object) -> str:
    """The first line of an error's text without its full stop, or the error's name."""
    lines = str(reason).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(reason).__name__


def driver_error(error: DBAPIError) -> BaseException:
    """What asyncpg raised, below what SQLAlchemy made of it."""
    adapted = error.orig or error
    return adapted.__cause__ or adapted


def sqlstate(error: DBAPIError) -> str:
    """PostgreSQL's five-character code, or an empty string."""
    return str(getattr(error.orig, "sqlstate", None) or "")


def lost(error: DBAPIError) -> DatabaseUnavailableError | None:
    """What to tell when the server was lost or is full; None when the statement is wrong."""
    if sqlstate(error) == FULL:
        return DatabaseFullError()
    if error.connection_invalidated or sqlstate(error).startswith(AWAY):
        return DatabaseUnavailableError(driver_error(error))
    return None
