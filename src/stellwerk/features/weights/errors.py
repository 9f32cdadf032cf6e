"""What can go wrong with model files, and what to do about it."""

from stellwerk.base.errors import Kind, StellwerkError, UnavailableError


class WeightsError(StellwerkError):
    """Model files could not be fetched, checked or removed."""

    kind = Kind.UNAVAILABLE


class SourceError(WeightsError):
    """One source cannot give a file; the next one is tried."""


class UnreachableError(SourceError):
    """The server does not answer, or not us: not a byte arrived."""


class NoSourceError(WeightsError):
    """No source gave the file. The message has a line for each of them."""


class WrongHashError(WeightsError):
    """A file is there whose SHA-256 or size is not the catalogue's."""


class NotFetchedError(UnavailableError):
    """The file is not on this machine."""


class BusyError(WeightsError):
    """The file is being fetched."""

    kind = Kind.CONFLICT


class DiskFullError(WeightsError):
    """The file does not fit on the disk of the weights directory."""


class DirectoryError(WeightsError):
    """The weights directory cannot be used."""
