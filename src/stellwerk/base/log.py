"""Structured logs on standard error: a line of JSON, or of plain text on a terminal.

No prompt, no answer and no key is ever handed to a logger.
"""

import logging
import sys
from typing import TextIO, cast

import structlog

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}


def configure(level: str, form: str) -> None:
    """Send this process's log lines to standard error.

    `level` is debug, info or warning; `form` is json, text, or auto (text on a terminal).
    """
    _adopt_foreign_loggers()
    as_text = form == "text" or (form == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if as_text else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _StandardError())),
        cache_logger_on_first_use=True,
    )


class _StandardError:
    """Whatever standard error is at the moment: it may have been replaced since the start."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


class _Foreign(logging.Handler):
    """Gives the lines of libraries that use `logging` the form of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        get_logger(record.name).log(record.levelno, record.getMessage(), exc_info=error)


def _adopt_foreign_loggers() -> None:
    logging.getLogger().handlers = [_Foreign(logging.WARNING)]


def get_logger(room: str) -> structlog.typing.FilteringBoundLogger:
    """A logger whose lines name the room that wrote them."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(room=room)
    return logger
