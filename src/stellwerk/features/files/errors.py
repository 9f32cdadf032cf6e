"""What can be wrong with a file or an upload."""

from stellwerk.base.errors import InvalidRequestError, Kind, StellwerkError


class UnknownFileError(StellwerkError):
    """404: the project has no such file."""

    kind = Kind.NOT_FOUND
    code = "file_not_found"


class FileTooLargeError(StellwerkError):
    """413: the file is larger than this hub takes."""

    kind = Kind.TOO_LARGE
    code = "file_too_large"


class UnknownUploadError(StellwerkError):
    """404: the project has no such upload."""

    kind = Kind.NOT_FOUND
    code = "upload_not_found"


class UploadClosedError(InvalidRequestError):
    """400: the upload is complete, cancelled or expired already."""

    code = "upload_closed"


class PartsDifferError(InvalidRequestError):
    """400: the parts are not those of the upload, or not what was announced."""

    code = "parts_differ"
